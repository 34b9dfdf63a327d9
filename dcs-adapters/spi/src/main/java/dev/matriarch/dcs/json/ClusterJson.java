package dev.matriarch.dcs.json;

import static dev.matriarch.dcs.json.JsonValues.NODES;
import static dev.matriarch.dcs.json.JsonValues.iso;
import static dev.matriarch.dcs.json.JsonValues.lsn;
import static dev.matriarch.dcs.json.JsonValues.parse;
import static dev.matriarch.dcs.json.JsonValues.string;
import static dev.matriarch.dcs.json.JsonValues.unwrap;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.matriarch.dcs.ClusterStatus;
import dev.matriarch.dcs.FailoverRequest;
import dev.matriarch.dcs.Lsn;
import dev.matriarch.dcs.Member;
import dev.matriarch.dcs.SyncState;
import dev.matriarch.dcs.TimelineClaim;
import dev.matriarch.dcs.TimelineHistory;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * The values of a cluster's keys as compact JSON, in Patroni's format.
 *
 * <p>The readers never throw: what cannot be understood is the empty value. Equal values are written as equal texts.
 */
public final class ClusterJson {
    private ClusterJson() {}

    /** The record under {@code members/NAME}. */
    public static String writeMember(Member member) {
        return MemberJson.write(member);
    }

    /**
     * Reads a member's record; also the old form, a {@code postgres://} URL with {@code application_name} as the API's
     * URL.
     */
    public static Member readMember(String name, String text) {
        return MemberJson.read(name, text);
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
                string(json.path("scheduled_at")).flatMap(JsonValues::instant));
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
}
