package dev.matriarch.dcs.json;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.matriarch.dcs.CloneStatus;
import dev.matriarch.dcs.ClusterStatus;
import dev.matriarch.dcs.FailoverRequest;
import dev.matriarch.dcs.Lsn;
import dev.matriarch.dcs.Member;
import dev.matriarch.dcs.PlannedRestart;
import dev.matriarch.dcs.SyncState;
import dev.matriarch.dcs.TimelineClaim;
import dev.matriarch.dcs.TimelineHistory;
import java.io.IOException;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.net.URI;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * The values of a cluster's keys as compact JSON, in Patroni's format.
 *
 * <p>The readers never throw: what cannot be understood is the empty value. Equal values are written as equal texts.
 */
public final class ClusterJson {
    private static final ObjectMapper MAPPER = new ObjectMapper();
    private static final JsonNodeFactory NODES = JsonNodeFactory.instance;
    private static final String ARROW = "->";

    /** Python's isoformat: always an offset, seconds always there. */
    private static final DateTimeFormatter ISO = DateTimeFormatter.ofPattern("uuuu-MM-dd'T'HH:mm:ss[.SSSSSS]xxx");

    private ClusterJson() {}

    /** The record under {@code members/NAME}. */
    public static String writeMember(Member member) {
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

    /**
     * Reads a member's record; also the old form, a {@code postgres://} URL with {@code application_name} as the API's
     * URL.
     */
    public static Member readMember(String name, String text) {
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
                .flatMap(ClusterJson::instant)
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

    /** The {@code status} key. */
    public static String writeStatus(ClusterStatus status) {
        ObjectNode json = NODES.objectNode();
        json.put("optime", status.optime().value());
        if (!status.slots().isEmpty()) {
            ObjectNode slots = json.putObject("slots");
            new TreeMap<>(status.slots()).forEach((slot, lsn) -> slots.put(slot, lsn.value()));
        }
        if (!status.retainSlots().isEmpty()) {
            ArrayNode retained = json.putArray("retain_slots");
            status.retainSlots().stream().sorted().forEach(retained::add);
        }
        status.claim()
                .ifPresent(claim -> json.putObject("timeline_claim")
                        .put("timeline", claim.timeline())
                        .put("epoch", claim.epoch()));
        return json.toString();
    }

    /** Reads the {@code status} key; also a bare number, and parts that are JSON inside a text. */
    public static ClusterStatus readStatus(String text) {
        JsonNode json = parse(text);
        Optional<Lsn> bare = lsn(json);
        if (bare.isPresent()) {
            return new ClusterStatus(bare.get(), Map.of(), List.of());
        }
        Map<String, Lsn> slots = new LinkedHashMap<>();
        unwrap(json.path("slots"))
                .properties()
                .forEach(slot -> lsn(slot.getValue()).ifPresent(lsn -> slots.put(slot.getKey(), lsn)));
        List<String> retained = new ArrayList<>();
        JsonNode names = unwrap(json.path("retain_slots"));
        if (names.isArray()) {
            names.forEach(slot -> retained.add(slot.asText()));
        }
        JsonNode claim = json.path("timeline_claim");
        return new ClusterStatus(
                lsn(json.path("optime")).orElse(Lsn.INVALID),
                slots,
                retained,
                claim.path("timeline").canConvertToInt()
                        ? Optional.of(new TimelineClaim(
                                claim.path("timeline").asInt(),
                                claim.path("epoch").asLong()))
                        : Optional.empty());
    }

    /** The {@code failover} key; absent: its cleared form. */
    public static String writeFailover(Optional<FailoverRequest> request) {
        ObjectNode json = NODES.objectNode();
        request.ifPresent(r -> {
            r.leader().ifPresent(leader -> json.put("leader", leader));
            r.candidate().ifPresent(candidate -> json.put("member", candidate));
            r.scheduledAt().ifPresent(at -> json.put("scheduled_at", iso(at)));
        });
        return json.toString();
    }

    /** Reads the {@code failover} key; also the old text {@code leader:candidate}. A cleared one has no field set. */
    public static FailoverRequest readFailover(String text) {
        JsonNode json = parse(text);
        if (!json.isObject()) {
            int colon = text.indexOf(':');
            return colon < 0 || text.indexOf('{') >= 0
                    ? new FailoverRequest(Optional.empty(), Optional.empty(), Optional.empty())
                    : new FailoverRequest(
                            Optional.of(text.substring(0, colon).strip()).filter(s -> !s.isEmpty()),
                            Optional.of(text.substring(colon + 1).strip()).filter(s -> !s.isEmpty()),
                            Optional.empty());
        }
        return new FailoverRequest(
                string(json.path("leader")),
                string(json.path("member")),
                string(json.path("scheduled_at")).flatMap(ClusterJson::instant));
    }

    /** The {@code sync} key; absent: the form that means "no synchronous replication". */
    public static String writeSync(Optional<SyncState> state) {
        ObjectNode json = NODES.objectNode();
        state.ifPresent(s -> {
            json.put("leader", s.leader());
            json.put("sync_standby", s.voters().isEmpty() ? null : String.join(",", s.voters()));
            json.put("quorum", s.quorum());
        });
        return json.toString();
    }

    /** Reads the {@code sync} key; empty if it names no leader. */
    public static Optional<SyncState> readSync(String text) {
        JsonNode json = parse(text);
        SortedSet<String> voters = new TreeSet<>();
        for (String voter : string(json.path("sync_standby")).orElse("").split(",")) {
            if (!voter.isBlank()) {
                voters.add(voter.strip());
            }
        }
        return string(json.path("leader"))
                .map(leader -> new SyncState(
                        leader, voters, Math.max(0, json.path("quorum").asInt(0))));
    }

    /** The {@code history} key. */
    public static String writeHistory(TimelineHistory history) {
        ArrayNode rows = NODES.arrayNode();
        for (TimelineHistory.Row row : history.rows()) {
            ArrayNode json = rows.addArray();
            json.add(row.timeline()).add(row.switchPoint().value()).add(row.reason());
            if (row.timestamp().isPresent() || row.newLeader().isPresent()) {
                row.timestamp().ifPresentOrElse(json::add, json::addNull);
            }
            row.newLeader().ifPresent(json::add);
        }
        return rows.toString();
    }

    /** Reads the {@code history} key; empty if it is not a list of rows. */
    public static Optional<TimelineHistory> readHistory(String text) {
        JsonNode json = parse(text);
        if (!json.isArray()) {
            return Optional.empty();
        }
        List<TimelineHistory.Row> rows = new ArrayList<>();
        for (JsonNode row : json) {
            Optional<Lsn> switchPoint = lsn(row.path(1));
            if (!row.path(0).canConvertToInt() || switchPoint.isEmpty()) {
                return Optional.empty();
            }
            rows.add(new TimelineHistory.Row(
                    row.path(0).intValue(),
                    switchPoint.get(),
                    row.path(2).asText(""),
                    string(row.path(3)),
                    string(row.path(4))));
        }
        return Optional.of(new TimelineHistory(rows));
    }

    /** The {@code failsafe} key: member name to the URL of its REST door. */
    public static String writeFailsafe(Map<String, String> apiUrls) {
        ObjectNode json = NODES.objectNode();
        new TreeMap<>(apiUrls).forEach(json::put);
        return json.toString();
    }

    public static Map<String, String> readFailsafe(String text) {
        Map<String, String> urls = new LinkedHashMap<>();
        parse(text).properties().forEach(url -> {
            if (url.getValue().isTextual()) {
                urls.put(url.getKey(), url.getValue().textValue());
            }
        });
        return urls;
    }

    /** ISO 8601 in UTC with the offset spelt out, as Patroni writes it. */
    static String iso(Instant at) {
        OffsetDateTime utc = at.atOffset(ZoneOffset.UTC);
        return utc.getNano() == 0
                ? DateTimeFormatter.ofPattern("uuuu-MM-dd'T'HH:mm:ssxxx").format(utc)
                : ISO.format(utc);
    }

    private static Optional<Instant> instant(String iso) {
        try {
            return Optional.of(OffsetDateTime.parse(iso.replace(' ', 'T')).toInstant());
        } catch (DateTimeException e) {
            return Optional.empty();
        }
    }

    private static JsonNode object(String text) {
        JsonNode json = parse(text);
        return json.isObject() ? json : NODES.objectNode();
    }

    private static JsonNode parse(String text) {
        try {
            return MAPPER.readTree(text);
        } catch (JsonProcessingException e) {
            // Somebody else's bytes: the contract says that they count as nothing.
            return NODES.missingNode();
        }
    }

    private static JsonNode unwrap(JsonNode part) {
        return part.isTextual() ? parse(part.textValue()) : part;
    }

    private static Optional<Lsn> lsn(JsonNode node) {
        if (node.isIntegralNumber()) {
            return Optional.of(new Lsn(node.bigIntegerValue().longValue()));
        }
        if (node.isTextual() && node.textValue().matches("[0-9]{1,19}")) {
            return Optional.of(new Lsn(Long.parseUnsignedLong(node.textValue())));
        }
        return Optional.empty();
    }

    private static Optional<String> string(JsonNode node) {
        return node.isTextual() && !node.textValue().isEmpty() ? Optional.of(node.textValue()) : Optional.empty();
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
