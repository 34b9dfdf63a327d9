package dev.matriarch.raft;

/** The store cannot start here. The message says what is wrong, what was left untouched and what may be done. */
public final class StoreStartException extends Exception {
    private static final long serialVersionUID = 1L;

    public StoreStartException(String message) {
        super(message);
    }

    public StoreStartException(String message, Throwable cause) {
        super(message, cause);
    }
}
