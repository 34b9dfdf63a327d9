package dev.matriarch.ctl;

/** Ends the command with a sentence and an exit code. */
final class CtlException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    static final int REFUSED = 1;
    static final int USAGE = 2;
    static final int NOBODY_REACHABLE = 3;

    private final int exitCode;

    CtlException(int exitCode, String message) {
        super(message);
        this.exitCode = exitCode;
    }

    /** Refused or failed. */
    static CtlException refused(String message) {
        return new CtlException(REFUSED, message);
    }

    static CtlException usage(String message) {
        return new CtlException(USAGE, message);
    }

    int exitCode() {
        return exitCode;
    }
}
