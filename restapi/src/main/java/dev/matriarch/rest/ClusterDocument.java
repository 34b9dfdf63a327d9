package dev.matriarch.rest;

import com.fasterxml.jackson.core.JsonGenerator;
import dev.matriarch.dcs.CloneStatus;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.FailoverRequest;
import dev.matriarch.dcs.Lsn;
import dev.matriarch.dcs.Member;
import dev.matriarch.dcs.SyncState;
import dev.matriarch.dcs.TimelineHistory;
import dev.matriarch.dcs.Versioned;
import java.io.IOException;
import java.net.URI;
import java.time.ZoneOffset;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/** The documents of {@code /cluster} and {@code /history}. */
final class ClusterDocument {
    /** What the store's view alone does not say. */
    record Frame(String scope, boolean paused, boolean standbyCluster, Snapshot.SynchronousMode synchronousMode) {
        static Frame of(Snapshot snapshot) {
            return new Frame(
                    snapshot.scope(), snapshot.paused(), snapshot.standbyCluster(), snapshot.synchronousMode());
        }
    }

    private final JsonGenerator json;
    private final Frame frame;
    private final ClusterView cluster;
    private final Lsn leaderPosition;

    private ClusterDocument(JsonGenerator json, Frame frame, ClusterView cluster) {
        this.json = json;
        this.frame = frame;
        this.cluster = cluster;
        this.leaderPosition = Lsn.max(
                cluster.status().optime(),
                cluster.leaderMember().flatMap(Member::xlogLocation).orElse(Lsn.INVALID));
    }

    static byte[] bytes(Snapshot snapshot, ClusterView cluster) {
        return bytes(Frame.of(snapshot), cluster);
    }

    static byte[] bytes(Frame frame, ClusterView cluster) {
        return Json.bytes(json -> new ClusterDocument(json, frame, cluster).write());
    }

    static byte[] historyBytes(Optional<TimelineHistory> history) {
        return Json.bytes(json -> {
            json.writeStartArray();
            for (TimelineHistory.Row row : history.orElse(TimelineHistory.EMPTY).rows()) {
                json.writeStartArray();
                json.writeNumber(row.timeline());
                json.writeNumber(row.switchPoint().value());
                json.writeString(row.reason());
                if (row.timestamp().isPresent()) {
                    json.writeString(row.timestamp().get());
                    if (row.newLeader().isPresent()) {
                        json.writeString(row.newLeader().get());
                    }
                }
                json.writeEndArray();
            }
            json.writeEndArray();
        });
    }

    private void write() throws IOException {
        json.writeStartObject();
        json.writeArrayFieldStart("members");
        List<Member> members = cluster.members().stream()
                .sorted(Comparator.comparing(Member::name))
                .toList();
        for (Member member : members) {
            member(member);
        }
        json.writeEndArray();
        if (frame.paused()) {
            json.writeBooleanField("pause", true);
        }
        Optional<FailoverRequest> request = cluster.failover()
                .map(Versioned::value)
                .filter(r -> r.scheduledAt().isPresent());
        if (request.isPresent()) {
            scheduled(request.get());
        }
        json.writeStringField("scope", frame.scope());
        json.writeEndObject();
    }

    private void member(Member member) throws IOException {
        String role = role(member);
        json.writeStartObject();
        json.writeStringField("name", member.name());
        json.writeStringField("role", role);
        json.writeStringField(
                "state",
                role.equals("leader")
                        ? member.state()
                        : member.replicationState().orElse(member.state()));
        json.writeStringField("api_url", member.apiUrl());
        address(member);
        if (member.timeline().isPresent()) {
            json.writeNumberField("timeline", member.timeline().getAsInt());
        }
        if (member.copying().isPresent()) {
            cloneProgress(member.copying().get());
        }
        Json.pendingRestart(json, member.pendingRestart());
        Json.scheduledRestart(json, member.plannedRestart());
        if (!member.tags().isEmpty()) {
            Json.tags(json, member.tags());
        }
        if (!isLeader(member)) {
            position("receive_", member.receiveLsn());
            position("replay_", member.replayLsn());
            position("", member.xlogLocation());
        }
        json.writeEndObject();
    }

    private void cloneProgress(CloneStatus clone) throws IOException {
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

    private void address(Member member) throws IOException {
        try {
            URI url = URI.create(member.connUrl());
            if (url.getHost() != null) {
                json.writeStringField("host", url.getHost().replace("[", "").replace("]", ""));
            }
            if (url.getPort() > 0) {
                json.writeNumberField("port", url.getPort());
            }
        } catch (IllegalArgumentException e) {
            // A member that publishes no usable address is still a member; it is listed without one.
            return;
        }
    }

    private void position(String prefix, Optional<Lsn> position) throws IOException {
        if (position.isEmpty() || position.get().equals(Lsn.INVALID)) {
            json.writeStringField(prefix + "lsn", "unknown");
            json.writeStringField(prefix + "lag", "unknown");
            return;
        }
        json.writeStringField(prefix + "lsn", position.get().toString());
        if (leaderPosition.equals(Lsn.INVALID)) {
            json.writeStringField(prefix + "lag", "unknown");
        } else {
            json.writeNumberField(prefix + "lag", Math.max(0, leaderPosition.minus(position.get())));
        }
    }

    private String role(Member member) {
        if (isLeader(member)) {
            return frame.standbyCluster() ? "standby_leader" : "leader";
        }
        Optional<SyncState> sync = cluster.sync().map(Versioned::value);
        boolean voter = sync.isPresent()
                && cluster.leader()
                        .map(l -> l.name().equals(sync.get().leader()))
                        .orElse(false)
                && sync.get().voters().stream().anyMatch(member.name()::equalsIgnoreCase);
        if (!voter) {
            return "replica";
        }
        return switch (frame.synchronousMode()) {
            case OFF -> "replica";
            case ON -> "sync_standby";
            case QUORUM -> "quorum_standby";
        };
    }

    private boolean isLeader(Member member) {
        return cluster.leader().map(l -> l.name().equals(member.name())).orElse(false);
    }

    private void scheduled(FailoverRequest request) throws IOException {
        json.writeObjectFieldStart("scheduled_switchover");
        json.writeStringField(
                "at", Json.ISO.format(request.scheduledAt().orElseThrow().atOffset(ZoneOffset.UTC)));
        if (request.leader().isPresent()) {
            json.writeStringField("from", request.leader().get());
        }
        if (request.candidate().isPresent()) {
            json.writeStringField("to", request.candidate().get());
        }
        json.writeEndObject();
    }
}
