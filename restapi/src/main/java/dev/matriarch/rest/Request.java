package dev.matriarch.rest;

import java.io.IOException;
import java.util.Optional;

/**
 * A request, whatever carried it here.
 *
 * @param path decoded, with its leading slash
 * @param body read only when a route wants it
 */
record Request(String method, String path, Query query, Caller caller, Body body) {
    static final int MAX_BODY_BYTES = 1 << 20;

    interface Body {
        /** True if the client said how long its body is, or that it comes in chunks. */
        boolean announced();

        /**
         * Reads the whole body.
         *
         * @return absent if it is longer than {@link #MAX_BODY_BYTES}
         * @throws java.net.SocketTimeoutException if it did not arrive in time
         */
        Optional<byte[]> read() throws IOException;
    }

    /** {@code /config} for {@code /config/x}: what follows the first segment does not count. */
    String firstSegment() {
        int end = path.indexOf('/', 1);
        return end < 0 ? path : path.substring(0, end);
    }
}
