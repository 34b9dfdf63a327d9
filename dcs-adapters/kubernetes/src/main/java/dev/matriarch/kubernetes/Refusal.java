package dev.matriarch.kubernetes;

import dev.matriarch.dcs.DcsException;

/** The API server answered, and did nothing. */
final class Refusal extends DcsException {
    private static final long serialVersionUID = 1L;

    static final int UNAUTHORIZED = 401;
    static final int FORBIDDEN = 403;
    static final int NOT_FOUND = 404;
    static final int CONFLICT = 409;

    /** HTTP's. */
    private final int code;

    /** An attempt of the same call before was not heard of. */
    private final boolean repeated;

    Refusal(int code, String message, boolean repeated) {
        super(message);
        this.code = code;
        this.repeated = repeated;
    }

    /** Whether it may be about a change that an earlier attempt of the same call has made. */
    boolean mayBeOwnDoing() {
        return code == CONFLICT && repeated;
    }

    int code() {
        return code;
    }
}
