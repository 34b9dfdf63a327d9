package dev.matriarch.etcd;

import dev.matriarch.dcs.DcsException;

/** etcd answered, and certainly did nothing. */
final class Refusal extends DcsException {
    private static final long serialVersionUID = 1L;

    static final int NOT_FOUND = 5;
    static final int OUT_OF_RANGE = 11;

    /** A status code of gRPC. */
    private final int code;

    Refusal(int code, String message) {
        super(message);
        this.code = code;
    }

    int code() {
        return code;
    }
}
