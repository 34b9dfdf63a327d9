package dev.matriarch.rest;

import com.fasterxml.jackson.core.JsonGenerator;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Leader;
import dev.matriarch.dcs.SyncState;
import dev.matriarch.dcs.Versioned;
import java.io.IOException;
import java.util.Map;
import java.util.TreeMap;

/** What the status page shows at one moment. */
final class UiDocument {
    private UiDocument() {}

    static byte[] bytes(Snapshot s, Vitals vitals, Panorama panorama, long nowNanos, long wallMillis) {
        return Json.bytes(json -> {
            json.writeStartObject();
            json.writeNumberField("at", wallMillis);
            json.writeStringField("scope", s.scope());
            json.writeStringField("me", s.name());
            json.writeStringField("version", s.version());
            if (s.systemIdentifier().isPresent()) {
                json.writeStringField("system_identifier", s.systemIdentifier().get());
            }
            json.writeStringField("guarantee", panorama.guarantee());
            json.writeBooleanField("fresh", s.freshCluster(nowNanos).isPresent());
            json.writeBooleanField("alive", s.loopIsAlive(nowNanos));
            json.writeBooleanField("paused", s.paused());
            json.writeBooleanField("failsafe", s.failsafe().isActive(nowNanos));
            json.writeBooleanField("standby_cluster", s.standbyCluster());
            json.writeStringField("synchronous_mode", s.synchronousMode().name().toLowerCase(java.util.Locale.ROOT));
            json.writeNumberField("ttl_millis", s.ttl().toMillis());
            json.writeStringField("watchdog", vitals.watchdog());
            if (s.cluster().isPresent()) {
                cluster(json, s, s.cluster().get());
            }
            pulses(json, panorama);
            events(json, panorama);
            groups(json, panorama);
            json.writeEndObject();
        });
    }

    private static void cluster(JsonGenerator json, Snapshot s, ClusterView view) throws IOException {
        if (view.leader().isPresent()) {
            Leader leader = view.leader().get();
            json.writeStringField("leader", leader.name());
            json.writeNumberField("epoch", leader.epoch());
        }
        json.writeFieldName("cluster");
        json.writeRawValue(new String(ClusterDocument.bytes(s, view), java.nio.charset.StandardCharsets.UTF_8));
        if (view.sync().isPresent()) {
            SyncState sync = view.sync().map(Versioned::value).orElseThrow();
            json.writeArrayFieldStart("sync_voters");
            for (String voter : sync.voters()) {
                json.writeString(voter);
            }
            json.writeEndArray();
        }
    }

    private static void pulses(JsonGenerator json, Panorama panorama) throws IOException {
        json.writeArrayFieldStart("pulses");
        for (Panorama.Pulse pulse : panorama.members()) {
            json.writeStartObject();
            json.writeStringField("name", pulse.name());
            if (!pulse.problem().isEmpty()) {
                json.writeStringField("problem", pulse.problem());
            } else {
                if (pulse.leaseMillis().isPresent()) {
                    json.writeNumberField("lease_millis", pulse.leaseMillis().getAsLong());
                }
                json.writeBooleanField("guarded", pulse.guarded());
                json.writeStringField("watchdog", pulse.watchdog());
                json.writeNumberField("late_millis", pulse.lateMillis());
                json.writeStringField("last_decision", pulse.lastDecision());
                json.writeStringField("state", pulse.state());
                json.writeObjectFieldStart("store");
                for (Map.Entry<String, Double> measure : new TreeMap<>(pulse.store()).entrySet()) {
                    json.writeNumberField(measure.getKey(), measure.getValue());
                }
                json.writeEndObject();
            }
            json.writeEndObject();
        }
        json.writeEndArray();
    }

    private static void groups(JsonGenerator json, Panorama panorama) throws IOException {
        json.writeArrayFieldStart("groups");
        for (Panorama.Group group : panorama.groups()) {
            json.writeStartObject();
            json.writeNumberField("number", group.number());
            json.writeBooleanField("own", group.own());
            json.writeArrayFieldStart("servers");
            for (Panorama.Server server : group.servers()) {
                json.writeStartObject();
                json.writeStringField("member", server.member());
                json.writeStringField("address", server.address());
                json.writeBooleanField("primary", server.primary());
                json.writeEndObject();
            }
            json.writeEndArray();
            json.writeEndObject();
        }
        json.writeEndArray();
    }

    private static void events(JsonGenerator json, Panorama panorama) throws IOException {
        json.writeArrayFieldStart("events");
        for (Panorama.Event event : panorama.events()) {
            json.writeStartObject();
            json.writeNumberField("at", event.atMillis());
            json.writeStringField("member", event.member());
            json.writeStringField("kind", event.kind());
            json.writeStringField("what", event.what());
            json.writeBooleanField("shared", event.shared());
            json.writeEndObject();
        }
        json.writeEndArray();
    }
}
