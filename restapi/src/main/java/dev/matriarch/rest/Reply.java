package dev.matriarch.rest;

import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * @param body left out by the carrier where the method forbids one
 * @param headers besides those of length, type and connection
 */
record Reply(int status, String contentType, byte[] body, Map<String, String> headers) {
    static final String JSON = "application/json";
    static final String TEXT = "text/plain; charset=utf-8";
    private static final Map<String, String> CHALLENGE = Map.of("WWW-Authenticate", "Basic realm=\"Patroni\"");

    /** A JSON document. */
    Reply(int status, byte[] body) {
        this(status, JSON, body, Map.of());
    }

    static Reply text(int status, String sentence) {
        return new Reply(status, TEXT, sentence.getBytes(StandardCharsets.UTF_8), Map.of());
    }

    /** An error for people: what happened and what to do about it. */
    static Reply error(int status, String... sentences) {
        return errors(status, List.of(sentences));
    }

    static Reply errors(int status, List<String> sentences) {
        byte[] body = Json.bytes(json -> {
            json.writeStartObject();
            json.writeStringField("error", String.join("; ", sentences));
            json.writeArrayFieldStart("problems");
            for (String sentence : sentences) {
                json.writeString(sentence);
            }
            json.writeEndArray();
            json.writeEndObject();
        });
        return new Reply(status, JSON, body, status == 401 ? CHALLENGE : Map.of());
    }

    Reply with(String header, String value) {
        Map<String, String> more = new LinkedHashMap<>(headers);
        more.put(header, value);
        return new Reply(status, contentType, body, more);
    }
}
