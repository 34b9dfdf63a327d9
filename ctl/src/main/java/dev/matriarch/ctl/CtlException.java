package dev.matriarch.ctl;

/** Ends the command with a sentence and an exit code. */
class CtlException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    static final int REFUSED = 1;
    static final int USAGE = 2;
    static final int NOBODY_REACHABLE = 3;

    /** The agent that was asked went away before it answered: what was asked for may go on. */
    static final class AgentGone extends CtlException {
        private static final long serialVersionUID = 1L;

        AgentGone(String message) {
            super(REFUSED, message);
        }
    }

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

    /** Somebody wants no more of it. */
    boolean isAbort() {
        return getMessage().equals("Aborted!");
    }

    int exitCode() {
        return exitCode;
    }
}
