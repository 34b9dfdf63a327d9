package dev.matriarch.rest;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

class MetricsTest {
    private static final String PATRONIS = "version postgres_running postmaster_start_time primary xlog_location"
            + " standby_leader replica sync_standby quorum_standby xlog_received_location xlog_replayed_location"
            + " xlog_replayed_timestamp xlog_paused postgres_streaming postgres_in_archive_recovery"
            + " postgres_server_version cluster_unlocked failsafe_mode_is_active failsafe_mode_enabled failsafe_member"
            + " postgres_timeline dcs_last_seen pending_restart is_paused postgres_state failover_priority";

    /** The grammar of text format 0.0.4, strictly: a family in one piece, named and typed before its samples. */
    static final class TextFormat {
        private static final Pattern SAMPLE = Pattern.compile(
                "([a-zA-Z_:][a-zA-Z0-9_:]*)\\{((?:[a-zA-Z_][a-zA-Z0-9_]*=\"(?:[^\"\\\\]|\\\\[\\\\\"n])*\",?)*)} (\\S+)");

        final Map<String, String> types = new HashMap<>();
        final Map<String, Double> values = new HashMap<>();

        TextFormat(String text) {
            assertTrue(text.endsWith("\n"), "the last line has an end");
            Set<String> helped = new HashSet<>();
            String family = "";
            for (String line : text.split("\n")) {
                String[] words = line.split(" ", 4);
                if (line.startsWith("# HELP ")) {
                    assertTrue(helped.add(words[2]), "once: " + line);
                } else if (line.startsWith("# TYPE ")) {
                    assertEquals(null, types.put(words[2], words[3]), "once: " + line);
                    family = words[2];
                    assertTrue(helped.contains(family), "no help before " + line);
                } else if (!line.startsWith("#")) {
                    Matcher m = SAMPLE.matcher(line);
                    assertTrue(m.matches(), line);
                    String name = types.get(family).equals("histogram")
                            ? m.group(1).replaceFirst("_(bucket|count|sum)$", "")
                            : m.group(1);
                    assertEquals(family, name, "within its family: " + line);
                    assertTrue(
                            m.group(2).contains("scope=\"demo\"") && m.group(2).contains("name=\"n2\""), line);
                    assertEquals(
                            null, values.put(m.group(1) + "{" + m.group(2) + "}", Double.valueOf(m.group(3))), line);
                }
            }
        }

        double value(String name) {
            return values.entrySet().stream()
                    .filter(e -> e.getKey().startsWith(name + "{"))
                    .findFirst()
                    .orElseThrow(() -> new AssertionError("no " + name))
                    .getValue();
        }
    }

    private static TextFormat of(Fixture f, long now) {
        Reply reply = Metrics.reply(f.snapshot(), new FakeAgent().vitals(), now, 1770113200.5);
        assertEquals(200, reply.status());
        assertTrue(reply.contentType().startsWith("text/plain; version=0.0.4"), reply.contentType());
        return new TextFormat(new String(reply.body(), StandardCharsets.UTF_8));
    }

    @Test
    void everyNameOfPatronisIsThereWithItsType() {
        TextFormat text = of(Fixture.primary(), 1_000);
        for (String name : PATRONIS.split(" ")) {
            boolean counts = name.matches("xlog_.*location");
            assertEquals(counts ? "counter" : "gauge", text.types.get("patroni_" + name), name);
            text.value("patroni_" + name);
        }
    }

    /** With the parser of Debian's python3-prometheus-client, which ./check installs. */
    @Test
    void prometheusReadsThem() throws Exception {
        assumeTrue(
                Files.isDirectory(Path.of("/usr/lib/python3/dist-packages/prometheus_client")),
                "python3-prometheus-client is not installed");
        String program = "import sys\nfrom prometheus_client.parser import text_string_to_metric_families as read\n"
                + "for f in read(sys.stdin.read()):\n"
                + "  for s in f.samples: print(f.type, s.name, s.value, sorted(s.labels.items()))";
        for (Fixture fixture : List.of(Fixture.primary(), Fixture.replica())) {
            Process python = new ProcessBuilder("/usr/bin/python3", "-c", program)
                    .redirectErrorStream(true)
                    .start();
            try (OutputStream in = python.getOutputStream()) {
                in.write(Metrics.reply(fixture.snapshot(), new FakeAgent().vitals(), 1_000, 1770113200.5)
                        .body());
            }
            String read = new String(python.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            assertEquals(0, python.waitFor(), read);
            String labels = " [('name', 'n2'), ('scope', 'demo')]\n";
            String primary = fixture.inRecovery ? "0.0" : "1.0";
            assertTrue(read.contains("gauge patroni_primary " + primary + labels), read);
            assertTrue(read.contains("gauge matriarch_raft_term 7.0" + labels), read);
            assertTrue(
                    read.contains("histogram matriarch_raft_fsync_seconds_bucket 5.0 [('le', '0.002'), "
                            + labels.substring(2)),
                    read);
            assertTrue(read.contains("histogram matriarch_raft_fsync_seconds_count 6.0" + labels), read);
            assertTrue(
                    read.contains(
                            "gauge matriarch_raft_peer_last_contact_seconds 0.2 [('name', 'n2'), ('peer', 'n3'),"),
                    read);
            assertTrue(read.contains("('slot', 'n\"3\\\\')"), "what is quoted is read as it was: " + read);
            for (String name : PATRONIS.split(" ")) {
                // That parser gives every counter a name that ends in _total, Patroni's too.
                String end = name.matches("xlog_.*location") ? "_total " : " ";
                assertTrue(read.contains(" patroni_" + name + end), read);
            }
        }
    }

    @Test
    void aPrimary() {
        Fixture f = Fixture.primary();
        TextFormat text = of(f, 1_000);
        assertEquals(100, text.value("patroni_version"));
        assertEquals(1, text.value("patroni_primary"));
        assertEquals(0, text.value("patroni_replica"));
        assertEquals(Fixture.OPTIME, text.value("patroni_xlog_location"));
        assertEquals(1770112801.123, text.value("patroni_postmaster_start_time"), 0.001);
        assertEquals(5, text.value("patroni_postgres_state"));
        assertEquals(1, text.value("patroni_pending_restart"));
        assertEquals(150004, text.value("patroni_postgres_server_version"));
        assertEquals(1, text.value("matriarch_lease_held"));
        assertEquals(1.0, text.value("matriarch_lease_remaining_seconds"), 1e-6);
        assertEquals(1770113196.5, text.value("matriarch_lease_renewed_timestamp_seconds"), 1e-3);
        assertEquals(7, text.value("matriarch_raft_term"));
        assertEquals("counter", text.types.get("matriarch_decisions_total"));
        assertEquals(1, text.value("matriarch_promotions_total"));
        assertEquals(1024, text.value("matriarch_slot_retained_bytes"));
    }

    @Test
    void aLeaseThatRanOutIsNotShown() {
        TextFormat text = of(Fixture.primary(), 2_000_000_000L);
        assertEquals(0, text.value("matriarch_lease_held"));
        assertEquals(0, text.value("matriarch_lease_remaining_seconds"));
        assertEquals(0, text.value("matriarch_lease_renewed_timestamp_seconds"));
        // It says what PostgreSQL says, not what the lock says.
        assertEquals(1, text.value("patroni_primary"));
    }

    @Test
    void aReplicaThatReadsTheArchive() {
        Fixture f = Fixture.replica();
        f.replicationState = "in archive recovery";
        f.tags = Map.of("nofailover", true);
        f.failsafe = new Snapshot.Failsafe(true, Map.of("n2", "http://x"), OptionalLong.empty());
        TextFormat text = of(f, 1_000);
        assertEquals(1, text.value("patroni_replica"));
        assertEquals(0, text.value("patroni_postgres_streaming"));
        assertEquals(1, text.value("patroni_postgres_in_archive_recovery"));
        assertEquals(Fixture.OPTIME, text.value("patroni_xlog_replayed_location"));
        assertEquals(0, text.value("patroni_failover_priority"));
        assertEquals(1, text.value("patroni_failsafe_mode_enabled"));
        assertEquals(1, text.value("patroni_failsafe_member"));
        assertEquals(0, text.value("patroni_failsafe_mode_is_active"));
    }

    @Test
    void whatIsNotKnownIsZero() {
        Fixture f = Fixture.replica();
        f.answers = false;
        f.state = "creating replica";
        f.role = "uninitialized";
        TextFormat text = of(f, 1_000);
        for (String name : List.of("postmaster_start_time", "xlog_replayed_location", "replica", "postgres_timeline")) {
            assertEquals(0, text.value("patroni_" + name), name);
        }
        assertEquals(4, text.value("patroni_postgres_state"));
    }

    @Test
    void versionsHaveTwoDigitsForEachPart() {
        assertEquals(40104, Metrics.version("4.1.4"));
        assertEquals(100, Metrics.version("0.1.0-SNAPSHOT"));
        assertEquals(20000, Metrics.version("2"));
    }
}
