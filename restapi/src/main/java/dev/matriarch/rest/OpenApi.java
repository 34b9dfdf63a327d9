package dev.matriarch.rest;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;

/** The description of this API, in the words of OpenAPI 3.1. A test holds it against the routes and the answers. */
final class OpenApi {
    static final byte[] DOCUMENT = read();

    private OpenApi() {}

    private static byte[] read() {
        try (InputStream in = OpenApi.class.getResourceAsStream("openapi.json")) {
            return in.readAllBytes();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
