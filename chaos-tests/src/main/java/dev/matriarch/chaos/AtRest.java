package dev.matriarch.chaos;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.ToLongFunction;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * What it costs all hosts together to keep the leader lock while nothing happens. PostgreSQL's processes are not counted; what
 * they write is, as the disk does not tell who wrote.
 */
final class AtRest {
    private static final Duration BOUND = Duration.ofSeconds(10);

    private final Disk disk;
    private final List<Long> pids;
    private final List<String> metrics;
    private final List<Pattern> waits;

    /**
     * @param cpu in percent of one core
     * @param waits for the disk in a minute: fsyncs of the store
     * @param writes that the disk did in a minute
     * @param kilobytes of them
     */
    record Cost(double cpu, double waits, double writes, double kilobytes) {
        static final String HEAD =
                "| all three hosts | CPU, of one core, without PostgreSQL | fsyncs in a minute | writes in a minute | kB in a minute |\n"
                        + "|---|---|---|---|---|";

        String row(String whose) {
            return String.format(
                    Locale.ROOT, "| %s | %.1f %% | %.0f | %.0f | %.0f |", whose, cpu, waits, writes, kilobytes);
        }

        String ratio(Cost to) {
            return String.format(
                    Locale.ROOT,
                    "| ratio | %.2f | %.2f | %.2f | %.2f |",
                    cpu / to.cpu,
                    waits / to.waits,
                    writes / to.writes,
                    kilobytes / to.kilobytes);
        }
    }

    private AtRest(Disk disk, List<Long> pids, List<String> metrics, String... counters) {
        this.disk = disk;
        this.pids = pids;
        this.metrics = metrics;
        this.waits = Stream.of(counters)
                .map(c -> Pattern.compile("(?m)^" + c + "(?:\\{[^}]*})? (\\S+)$"))
                .toList();
    }

    /** Agents, each with a store, and their guards. */
    static AtRest matriarch(Cluster cluster) {
        List<Long> pids = new ArrayList<>();
        for (Node node : cluster.nodes()) {
            pids.add(node.requireAgent());
            pids.addAll(node.guardPids());
        }
        return new AtRest(
                Disk.under(cluster.directory()),
                pids,
                cluster.nodes().stream().map(n -> n.rest() + "/metrics").toList(),
                "matriarch_raft_fsync_seconds_count");
    }

    /** Agents, and the servers of their etcd, which wait for their log and for their database. */
    static AtRest patroni(Cluster cluster) {
        List<Long> pids =
                new ArrayList<>(cluster.nodes().stream().map(Node::requireAgent).toList());
        List<String> metrics = new ArrayList<>();
        for (Processes.Found found :
                Processes.mentioning(cluster.directory().resolve("etcd").toString())) {
            int at = found.arguments().indexOf("--listen-client-urls");
            if (at >= 0) {
                pids.add(found.pid());
                metrics.add(found.arguments().get(at + 1) + "/metrics");
            }
        }
        return new AtRest(
                Disk.under(cluster.directory()),
                pids,
                metrics,
                "etcd_disk_wal_fsync_duration_seconds_count",
                "etcd_disk_backend_commit_duration_seconds_count");
    }

    /** Takes that long. */
    Cost during(Duration time) {
        long cpu = sum(Processes::cpuMillis);
        double before = waits();
        Disk.Written was = written();
        long begin = System.nanoTime();
        Await.pause(time.toMillis());
        double minutes = (System.nanoTime() - begin) / 60e9;
        Disk.Written written = written().since(was);
        return new Cost(
                (sum(Processes::cpuMillis) - cpu) / minutes / 600,
                (waits() - before) / minutes,
                written.requests() / minutes,
                written.bytes() / 1024.0 / minutes);
    }

    private Disk.Written written() {
        return disk.written()
                .orElseThrow(
                        () -> new AssertionError(
                                disk
                                        + " counts nothing: temporary files must lie on a disk (JAVA_TOOL_OPTIONS=-Djava.io.tmpdir=DIRECTORY)"));
    }

    private long sum(ToLongFunction<Long> of) {
        return pids.stream().mapToLong(of).sum();
    }

    private double waits() {
        double all = 0;
        for (String url : metrics) {
            String text = Http.get(url, BOUND)
                    .orElseThrow(() -> new AssertionError("no answer from " + url))
                    .body();
            for (Pattern counter : waits) {
                Matcher matcher = counter.matcher(text);
                if (!matcher.find()) {
                    throw new AssertionError("no " + counter + " at " + url);
                }
                all += Double.parseDouble(matcher.group(1));
            }
        }
        return all;
    }
}
