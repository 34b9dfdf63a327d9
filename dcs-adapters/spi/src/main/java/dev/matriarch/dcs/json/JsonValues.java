package dev.matriarch.dcs.json;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import dev.matriarch.dcs.Lsn;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Optional;

/** Single values as Patroni writes them, and out of what anybody may have written: what cannot be understood is empty. */
final class JsonValues {
    static final ObjectMapper MAPPER = new ObjectMapper();
    static final JsonNodeFactory NODES = JsonNodeFactory.instance;

    /** Python's isoformat: always an offset, seconds always there. */
    private static final DateTimeFormatter ISO = DateTimeFormatter.ofPattern("uuuu-MM-dd'T'HH:mm:ss[.SSSSSS]xxx");

    private JsonValues() {}

    /** ISO 8601 in UTC with the offset spelt out, as Patroni writes it. */
    static String iso(Instant at) {
        OffsetDateTime utc = at.atOffset(ZoneOffset.UTC);
        return utc.getNano() == 0
                ? DateTimeFormatter.ofPattern("uuuu-MM-dd'T'HH:mm:ssxxx").format(utc)
                : ISO.format(utc);
    }

    static Optional<Instant> instant(String iso) {
        try {
            return Optional.of(OffsetDateTime.parse(iso.replace(' ', 'T')).toInstant());
        } catch (DateTimeException e) {
            return Optional.empty();
        }
    }

    static JsonNode object(String text) {
        JsonNode json = parse(text);
        return json.isObject() ? json : NODES.objectNode();
    }

    static JsonNode parse(String text) {
        try {
            return MAPPER.readTree(text);
        } catch (JsonProcessingException e) {
            // Somebody else's bytes: the contract says that they count as nothing.
            return NODES.missingNode();
        }
    }

    static JsonNode unwrap(JsonNode part) {
        return part.isTextual() ? parse(part.textValue()) : part;
    }

    static Optional<Lsn> lsn(JsonNode node) {
        if (node.isIntegralNumber()) {
            return Optional.of(new Lsn(node.bigIntegerValue().longValue()));
        }
        if (node.isTextual() && node.textValue().matches("[0-9]{1,19}")) {
            return Optional.of(new Lsn(Long.parseUnsignedLong(node.textValue())));
        }
        return Optional.empty();
    }

    static Optional<String> string(JsonNode node) {
        return node.isTextual() && !node.textValue().isEmpty() ? Optional.of(node.textValue()) : Optional.empty();
    }
}
