package dev.matriarch.dcs;

/** The store did not answer in time, or its answer is unknown: the operation may or may not have happened. */
public class DcsException extends Exception {
    private static final long serialVersionUID = 1L;

    public DcsException(String message) {
        super(message);
    }

    public DcsException(String message, Throwable cause) {
        super(message, cause);
    }
}
