package dev.matriarch.kubernetes;

import dev.matriarch.dcs.DcsException;

/** The API server answered, and certainly did nothing. */
final class Refusal extends DcsException {
    private static final long serialVersionUID = 1L;

    static final int UNAUTHORIZED = 401;
    static final int FORBIDDEN = 403;
    static final int NOT_FOUND = 404;
    static final int CONFLICT = 409;

    /** HTTP's. */
    private final int code;

    Refusal(int code, String message) {
        super(message);
        this.code = code;
    }

    int code() {
        return code;
    }
}
