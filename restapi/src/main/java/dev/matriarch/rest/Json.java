package dev.matriarch.rest;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import dev.matriarch.dcs.PlannedRestart;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/** Writes documents straight to bytes: no object mapping, which would cost memory and start-up time. */
final class Json {
    private static final JsonFactory FACTORY = JsonFactory.builder()
            .streamReadConstraints(
                    StreamReadConstraints.builder().maxNestingDepth(100).build())
            .build();

    static final DateTimeFormatter ISO = DateTimeFormatter.ofPattern("uuuu-MM-dd'T'HH:mm:ssxxx");

    private Json() {}

    interface Body {
        void write(JsonGenerator json) throws IOException;
    }

    static byte[] bytes(Body body) {
        ByteArrayOutputStream out = new ByteArrayOutputStream(512);
        try (JsonGenerator json = FACTORY.createGenerator(out)) {
            body.write(json);
        } catch (IOException e) {
            throw new UncheckedIOException("writing to memory failed", e);
        }
        return out.toByteArray();
    }

    static JsonParser parser(byte[] text) throws IOException {
        return FACTORY.createParser(text);
    }

    /** @return what is wrong with the text, if it is not exactly one JSON object */
    static Optional<String> problemOfObject(byte[] text) {
        try (JsonParser parser = FACTORY.createParser(text)) {
            if (parser.nextToken() != JsonToken.START_OBJECT) {
                return Optional.of("the body is not a JSON object");
            }
            parser.skipChildren();
            if (parser.currentToken() != JsonToken.END_OBJECT) {
                return Optional.of("the JSON object is not complete");
            }
            return parser.nextToken() == null ? Optional.empty() : Optional.of("something follows the JSON object");
        } catch (JacksonException e) {
            return Optional.of(e.getOriginalMessage() + " (line "
                    + (e.getLocation() == null ? 1 : e.getLocation().getLineNr()) + ")");
        } catch (IOException e) {
            return Optional.of("the body cannot be read: " + e.getMessage());
        }
    }

    static void tags(JsonGenerator json, Map<String, Object> tags) throws IOException {
        json.writeObjectFieldStart("tags");
        for (Map.Entry<String, Object> tag : new TreeMap<>(tags).entrySet()) {
            switch (tag.getValue()) {
                case Boolean b -> json.writeBooleanField(tag.getKey(), b);
                case Integer i -> json.writeNumberField(tag.getKey(), i);
                case Long l -> json.writeNumberField(tag.getKey(), l);
                case Double d -> json.writeNumberField(tag.getKey(), d);
                default -> json.writeStringField(tag.getKey(), tag.getValue().toString());
            }
        }
        json.writeEndObject();
    }

    static void scheduledRestart(JsonGenerator json, Optional<PlannedRestart> planned) throws IOException {
        if (planned.isEmpty()) {
            return;
        }
        PlannedRestart restart = planned.get();
        json.writeObjectFieldStart("scheduled_restart");
        json.writeStringField("schedule", ISO.format(restart.at().atOffset(ZoneOffset.UTC)));
        if (restart.role().isPresent()) {
            json.writeStringField("role", restart.role().get());
        }
        if (restart.postgresVersion().isPresent()) {
            json.writeStringField("postgres_version", restart.postgresVersion().get());
        }
        if (restart.onlyIfPending()) {
            json.writeBooleanField("restart_pending", true);
        }
        if (restart.timeout().isPresent()) {
            json.writeNumberField("timeout", restart.timeout().get().toSeconds());
        }
        json.writeStringField("postmaster_start_time", restart.postmasterStartTime());
        json.writeEndObject();
    }

    /** The two fields that say which parameters wait for a restart; nothing if none does. */
    static void pendingRestart(JsonGenerator json, Map<String, String> reasons) throws IOException {
        if (reasons.isEmpty()) {
            return;
        }
        json.writeBooleanField("pending_restart", true);
        json.writeObjectFieldStart("pending_restart_reason");
        for (Map.Entry<String, String> reason : new TreeMap<>(reasons).entrySet()) {
            int arrow = reason.getValue().indexOf("->");
            json.writeObjectFieldStart(reason.getKey());
            json.writeStringField(
                    "old_value", arrow < 0 ? "?" : reason.getValue().substring(0, arrow));
            json.writeStringField(
                    "new_value", arrow < 0 ? "?" : reason.getValue().substring(arrow + 2));
            json.writeEndObject();
        }
        json.writeEndObject();
    }
}
