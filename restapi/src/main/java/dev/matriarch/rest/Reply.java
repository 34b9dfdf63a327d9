package dev.matriarch.rest;

import java.util.List;

/**
 * @param body JSON; left out by the carrier where the method forbids one
 * @param challenge the client is asked for credentials
 */
record Reply(int status, byte[] body, boolean challenge) {
    static final String CONTENT_TYPE = "application/json";
    static final String CHALLENGE = "Basic realm=\"Patroni\"";

    Reply(int status, byte[] body) {
        this(status, body, false);
    }

    /** An error for people: what happened and what to do about it. */
    static Reply error(int status, String sentence) {
        return errors(status, List.of(sentence));
    }

    static Reply errors(int status, List<String> sentences) {
        return new Reply(
                status,
                Json.bytes(json -> {
                    json.writeStartObject();
                    json.writeStringField("error", String.join("; ", sentences));
                    json.writeArrayFieldStart("problems");
                    for (String sentence : sentences) {
                        json.writeString(sentence);
                    }
                    json.writeEndArray();
                    json.writeEndObject();
                }),
                status == 401);
    }
}
