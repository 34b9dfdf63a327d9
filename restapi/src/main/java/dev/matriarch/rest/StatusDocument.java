package dev.matriarch.rest;

import com.fasterxml.jackson.core.JsonGenerator;
import dev.matriarch.dcs.ClusterView;
import java.io.IOException;

/** The document that every health check carries in its body. */
final class StatusDocument {
    private StatusDocument() {}

    static byte[] bytes(Snapshot s, long nowNanos) {
        return Json.bytes(json -> write(json, s, nowNanos));
    }

    private static void write(JsonGenerator json, Snapshot s, long now) throws IOException {
        json.writeStartObject();
        json.writeStringField("state", s.state());
        if (s.postgres().isPresent()) {
            json.writeStringField(
                    "postmaster_start_time",
                    PostgresTime.withMinutes(s.postgres().get().startTime()));
        }
        json.writeStringField("role", s.reportedRole());
        if (s.postgres().isPresent()) {
            postgres(json, s.postgres().get());
        }
        if (s.syncStandby()) {
            json.writeBooleanField("sync_standby", true);
        }
        if (s.quorumStandby()) {
            json.writeBooleanField("quorum_standby", true);
        }
        if (s.paused()) {
            json.writeBooleanField("pause", true);
        }
        if (s.watchdogFailed()) {
            json.writeBooleanField("watchdog_failed", true);
        }
        if (s.freshCluster(now).map(ClusterView::isUnlocked).orElse(true)) {
            json.writeBooleanField("cluster_unlocked", true);
        }
        if (s.failsafe().isActive(now)) {
            json.writeBooleanField("failsafe_mode_is_active", true);
        }
        if (s.dcsLastSeen().isPresent()) {
            json.writeNumberField("dcs_last_seen", s.dcsLastSeen().getAsLong());
        }
        if (!s.tags().isEmpty()) {
            Json.tags(json, s.tags());
        }
        if (s.systemIdentifier().isPresent()) {
            json.writeStringField(
                    "database_system_identifier", s.systemIdentifier().get());
        }
        if (s.postgres().isPresent()) {
            Json.pendingRestart(json, s.postgres().get().pendingRestart());
        }
        Json.scheduledRestart(json, s.plannedRestart());
        json.writeObjectFieldStart("patroni");
        json.writeStringField("version", s.version());
        json.writeStringField("scope", s.scope());
        json.writeStringField("name", s.name());
        json.writeEndObject();
        json.writeEndObject();
    }

    private static void postgres(JsonGenerator json, Snapshot.Postgres p) throws IOException {
        json.writeNumberField("server_version", p.serverVersion());
        json.writeObjectFieldStart("xlog");
        if (p.inRecovery()) {
            json.writeNumberField("received_location", Math.max(p.received().value(), 0));
            json.writeNumberField("replayed_location", p.replayed().value());
            if (p.replayTimestamp().isPresent()) {
                json.writeStringField(
                        "replayed_timestamp",
                        PostgresTime.withMinutes(p.replayTimestamp().get()));
            } else {
                json.writeNullField("replayed_timestamp");
            }
            json.writeBooleanField("paused", p.replayPaused());
        } else {
            json.writeNumberField("location", p.location().value());
        }
        json.writeEndObject();
        if (p.timeline().isPresent()) {
            json.writeNumberField("timeline", p.timeline().getAsInt());
        }
        if (p.replicationState().isPresent()) {
            json.writeStringField("replication_state", p.replicationState().get());
        }
        if (!p.replication().isEmpty()) {
            json.writeArrayFieldStart("replication");
            for (Snapshot.Sender sender : p.replication()) {
                json.writeStartObject();
                json.writeStringField("usename", sender.user());
                json.writeStringField("application_name", sender.applicationName());
                json.writeStringField("client_addr", sender.clientAddress());
                json.writeStringField("state", sender.state());
                json.writeStringField("sync_state", sender.syncState());
                json.writeNumberField("sync_priority", sender.syncPriority());
                json.writeEndObject();
            }
            json.writeEndArray();
        }
    }
}
