package dev.matriarch.rest;

import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/** The parameters of a request; of a repeated one the first counts. */
record Query(Map<String, String> parameters) {
    static final Query NONE = new Query(Map.of());

    /** @param raw what follows the question mark, still encoded; a badly encoded parameter is taken as it stands */
    static Query parse(String raw) {
        if (raw.isEmpty()) {
            return NONE;
        }
        Map<String, String> found = new LinkedHashMap<>();
        for (String part : raw.split("&")) {
            int equals = part.indexOf('=');
            if (equals > 0) {
                found.putIfAbsent(decode(part.substring(0, equals)), decode(part.substring(equals + 1)));
            }
        }
        return new Query(found);
    }

    Optional<String> get(String name) {
        return Optional.ofNullable(parameters.get(name));
    }

    private static String decode(String text) {
        try {
            return URLDecoder.decode(text, StandardCharsets.UTF_8);
        } catch (IllegalArgumentException e) {
            return text;
        }
    }
}
