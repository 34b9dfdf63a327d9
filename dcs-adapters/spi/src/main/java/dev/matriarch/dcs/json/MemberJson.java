package dev.matriarch.dcs.json;

import static dev.matriarch.dcs.json.JsonValues.MAPPER;
import static dev.matriarch.dcs.json.JsonValues.NODES;
import static dev.matriarch.dcs.json.JsonValues.iso;
import static dev.matriarch.dcs.json.JsonValues.lsn;
import static dev.matriarch.dcs.json.JsonValues.object;
import static dev.matriarch.dcs.json.JsonValues.string;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.matriarch.dcs.CloneStatus;
import dev.matriarch.dcs.Lsn;
import dev.matriarch.dcs.Member;
import dev.matriarch.dcs.PlannedRestart;
import java.io.IOException;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.net.URI;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.TreeMap;

/** A member's record, {@code members/NAME}. */
final class MemberJson {
    private static final String ARROW = "->";

    private MemberJson() {}

    static String write(Member member) {
        StringWriter text = new StringWriter(512);
        try (JsonGenerator json = MAPPER.createGenerator(text)) {
            json.writeStartObject();
            writeFields(member, json);
            json.writeEndObject();
        } catch (IOException e) {
            throw new UncheckedIOException("a text was written to memory", e);
        }
        return text.toString();
    }

    // With a generator, not as a tree: every member writes its record at every heartbeat.
    private static void writeFields(Member member, JsonGenerator json) throws IOException {
        json.writeStringField("conn_url", member.connUrl());
        json.writeStringField("api_url", member.apiUrl());
        if (!member.rpcAddress().isEmpty()) {
            json.writeStringField("rpc_address", member.rpcAddress());
        }
        if (member.proxyUrl().isPresent()) {
            json.writeStringField("proxy_url", member.proxyUrl().get());
        }
        json.writeStringField("state", member.state());
        json.writeStringField("role", member.role());
        json.writeStringField("version", member.version());
        if (member.checkpointAfterPromote().isPresent()) {
            json.writeBooleanField(
                    "checkpoint_after_promote", member.checkpointAfterPromote().get());
        }
        if (!member.tags().isEmpty()) {
            json.writeObjectFieldStart("tags");
            for (Map.Entry<String, Object> tag : new TreeMap<>(member.tags()).entrySet()) {
                json.writePOJOField(tag.getKey(), tag.getValue());
            }
            json.writeEndObject();
        }
        if (!member.pendingRestart().isEmpty()) {
            json.writeBooleanField("pending_restart", true);
            json.writeObjectFieldStart("pending_restart_reason");
            for (Map.Entry<String, String> reason : new TreeMap<>(member.pendingRestart()).entrySet()) {
                String change = reason.getValue();
                int arrow = change.indexOf(ARROW);
                json.writeObjectFieldStart(reason.getKey());
                json.writeStringField("old_value", arrow < 0 ? "" : change.substring(0, arrow));
                json.writeStringField("new_value", arrow < 0 ? change : change.substring(arrow + ARROW.length()));
                json.writeEndObject();
            }
            json.writeEndObject();
        }
        writeLsn(json, "xlog_location", member.xlogLocation());
        writeLsn(json, "receive_lsn", member.receiveLsn());
        writeLsn(json, "replay_lsn", member.replayLsn());
        if (member.replicationState().isPresent()) {
            json.writeStringField("replication_state", member.replicationState().get());
        }
        if (member.timeline().isPresent()) {
            json.writeNumberField("timeline", member.timeline().getAsInt());
        }
        if (member.paused()) {
            json.writeBooleanField("pause", true);
        }
        if (member.plannedRestart().isPresent()) {
            writePlannedRestart(member.plannedRestart().get(), json);
        }
        if (member.copying().isPresent()) {
            writeClone(member.copying().get(), json);
        }
    }

    private static void writeLsn(JsonGenerator json, String field, Optional<Lsn> lsn) throws IOException {
        if (lsn.isPresent()) {
            json.writeNumberField(field, lsn.get().value());
        }
    }

    private static void writePlannedRestart(PlannedRestart planned, JsonGenerator json) throws IOException {
        json.writeObjectFieldStart("scheduled_restart");
        json.writeStringField("schedule", iso(planned.at()));
        json.writeStringField("postmaster_start_time", planned.postmasterStartTime());
        if (planned.role().isPresent()) {
            json.writeStringField("role", planned.role().get());
        }
        if (planned.postgresVersion().isPresent()) {
            json.writeStringField("postgres_version", planned.postgresVersion().get());
        }
        if (planned.onlyIfPending()) {
            json.writeBooleanField("restart_pending", true);
        }
        if (planned.timeout().isPresent()) {
            json.writeNumberField("timeout", planned.timeout().get().toMillis() / 1000.0);
        }
        json.writeEndObject();
    }

    private static void writeClone(CloneStatus clone, JsonGenerator json) throws IOException {
        json.writeObjectFieldStart("clone_progress");
        json.writeStringField("method", clone.method());
        json.writeNumberField("bytes", clone.bytes());
        if (clone.total() > 0) {
            json.writeNumberField("total", clone.total());
        }
        json.writeNumberField("rate", clone.rate());
        if (clone.secondsLeft().isPresent()) {
            json.writeNumberField("seconds_left", clone.secondsLeft().getAsLong());
        }
        json.writeEndObject();
    }

    private static Optional<CloneStatus> copying(JsonNode json) {
        return string(json.path("method"))
                .map(method -> new CloneStatus(
                        method,
                        json.path("bytes").asLong(),
                        json.path("total").asLong(),
                        json.path("rate").asLong(),
                        json.path("seconds_left").isNumber()
                                ? OptionalLong.of(json.path("seconds_left").asLong())
                                : OptionalLong.empty()));
    }

    static Member read(String name, String text) {
        JsonNode json = text.startsWith("postgres") ? legacyMember(text) : object(text);
        Map<String, String> pendingRestart = new LinkedHashMap<>();
        json.path("pending_restart_reason").properties().forEach(reason -> {
            JsonNode change = reason.getValue();
            pendingRestart.put(
                    reason.getKey(),
                    change.path("old_value").asText("")
                            + ARROW
                            + change.path("new_value").asText(""));
        });
        Map<String, Object> tags = new LinkedHashMap<>();
        json.path("tags")
                .properties()
                .forEach(tag -> scalar(tag.getValue()).ifPresent(value -> tags.put(tag.getKey(), value)));
        return Member.named(name)
                .connUrl(json.path("conn_url").asText(""))
                .apiUrl(json.path("api_url").asText(""))
                .rpcAddress(json.path("rpc_address").asText(""))
                .state(json.path("state").asText(""))
                .role(json.path("role").asText(""))
                .version(json.path("version").asText(""))
                .xlogLocation(lsn(json.path("xlog_location")))
                .receiveLsn(lsn(json.path("receive_lsn")))
                .replayLsn(lsn(json.path("replay_lsn")))
                .replicationState(string(json.path("replication_state")))
                .timeline(
                        json.path("timeline").canConvertToInt()
                                ? OptionalInt.of(json.path("timeline").intValue())
                                : OptionalInt.empty())
                .tags(tags)
                .pendingRestart(pendingRestart)
                .checkpointAfterPromote(
                        json.path("checkpoint_after_promote").isBoolean()
                                ? Optional.of(
                                        json.path("checkpoint_after_promote").booleanValue())
                                : Optional.empty())
                .paused(json.path("pause").asBoolean(false))
                .plannedRestart(plannedRestart(json.path("scheduled_restart")))
                .copying(copying(json.path("clone_progress")))
                .proxyUrl(string(json.path("proxy_url")))
                .build();
    }

    private static Optional<PlannedRestart> plannedRestart(JsonNode json) {
        return string(json.path("schedule"))
                .flatMap(JsonValues::instant)
                .map(at -> new PlannedRestart(
                        at,
                        json.path("postmaster_start_time").asText(""),
                        string(json.path("role")),
                        string(json.path("postgres_version")),
                        json.has("restart_pending"),
                        json.path("timeout").isNumber()
                                ? Optional.of(Duration.ofMillis(
                                        Math.round(json.path("timeout").doubleValue() * 1000)))
                                : Optional.empty()));
    }

    private static Optional<Object> scalar(JsonNode node) {
        if (node.isBoolean()) {
            return Optional.of(node.booleanValue());
        }
        if (node.canConvertToInt() && node.isIntegralNumber()) {
            return Optional.of(node.intValue());
        }
        if (node.isTextual()) {
            return Optional.of(node.textValue());
        }
        return node.isNumber() ? Optional.of(node.asText()) : Optional.empty();
    }

    private static JsonNode legacyMember(String text) {
        ObjectNode json = NODES.objectNode();
        try {
            URI uri = URI.create(text);
            json.put("conn_url", text.contains("?") ? text.substring(0, text.indexOf('?')) : text);
            if (uri.getQuery() != null) {
                for (String pair : uri.getQuery().split("&")) {
                    if (pair.startsWith("application_name=")) {
                        json.put("api_url", pair.substring("application_name=".length()));
                    }
                }
            }
        } catch (IllegalArgumentException e) {
            return NODES.objectNode();
        }
        return json;
    }
}
