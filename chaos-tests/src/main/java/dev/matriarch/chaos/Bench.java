package dev.matriarch.chaos;

import java.time.Duration;
import java.util.Locale;
import java.util.Set;

/**
 * Measurements against a demo cluster, as a client feels them: {@code bench/run WHAT [--profile P] [--tries N]}. Prints one
 * line for each try and a Markdown table at the end. Exit code 1 if an acknowledged row was lost or came too late.
 */
public final class Bench {
    private static final Duration BOUND = Duration.ofSeconds(120);

    private final Cluster.Profile profile;
    private final int tries;
    private int wrong;

    private Bench(Cluster.Profile profile, int tries) {
        this.profile = profile;
        this.tries = tries;
    }

    public static void main(String[] arguments) {
        String what = arguments.length == 0 ? "" : arguments[0];
        Cluster.Profile profile = Cluster.Profile.APPLIANCE;
        int tries = 20;
        for (int i = 1; i + 1 < arguments.length; i += 2) {
            switch (arguments[i]) {
                case "--profile" -> profile = Cluster.Profile.valueOf(arguments[i + 1].toUpperCase(Locale.ROOT));
                case "--tries" -> tries = Integer.parseInt(arguments[i + 1]);
                default -> what = "";
            }
        }
        Bench bench = new Bench(profile, tries);
        switch (what) {
            case "failover" -> bench.failover();
            case "postmaster" -> bench.postmaster();
            case "switchover" -> bench.switchover();
            case "fence" -> bench.fence();
            case "up" -> bench.up();
            case "footprint" -> bench.footprint();
            case "idle" -> bench.idle();
            case "rest" -> bench.rest();
            case "ctl" -> bench.ctl();
            default -> {
                System.err.println(
                        "bench/run failover|postmaster|switchover|fence|up|footprint|idle|rest|ctl [--profile appliance|fast|patroni_default|patroni_fast] [--tries N]");
                System.exit(2);
            }
        }
        System.exit(bench.wrong == 0 ? 0 : 1);
    }

    /** After this long the JIT has little left to do. */
    private static final Duration REST = Duration.ofMinutes(4);

    private Cluster start() {
        say("starting a cluster, profile " + profile.option());
        return Cluster.start(profile, 3);
    }

    /** Agent and postmaster of the leader killed: time until a commit is acknowledged again. */
    private void failover() {
        Series series = new Series("writes again after kill -9 of agent and postmaster, " + label(), "ms");
        try (Cluster cluster = start()) {
            for (int i = 1; i <= tries; i++) {
                Node old = cluster.awaitWhole(BOUND);
                pauseAtRandom();
                try (Writer writer = Writer.start(cluster, "bench")) {
                    Faults.Strike strike = Faults.AGENT_AND_POSTMASTER.strike(old);
                    Writer.Acknowledged first = writer.awaitElsewhere(old, strike.done(), BOUND);
                    note(series, i, first.acknowledgedNanos() - strike.begun(), first.node());
                    checkRows(cluster, writer);
                }
                old.startAgent();
            }
            cluster.awaitWhole(BOUND);
        }
        print(series);
    }

    /**
     * The leader's /primary: how many it answers in a second, and how soon it does at a thousand. Then Patroni's, with the same
     * client on the same machine; one cluster after the other, so that neither has to share the cores with both.
     */
    private void rest() {
        double ours = rest("Matriarch", profile, true);
        double theirs = "root".equals(System.getProperty("user.name"))
                ? rest("Patroni", Cluster.Profile.PATRONI_DEFAULT, false)
                : 0;
        if (theirs > 0) {
            say(String.format(Locale.ROOT, "ratio of the answers per second: %.1f", ours / theirs));
        } else {
            say("Patroni was not measured: its cluster is started as root only");
        }
    }

    /** @return answers per second */
    private double rest(String whose, Cluster.Profile of, boolean steadily) {
        HttpLoad load = new HttpLoad();
        say("starting a cluster of " + whose + ", profile " + of.option());
        try (Cluster cluster = Cluster.start(of, 3)) {
            String url = cluster.awaitWhole(BOUND).rest() + "/primary";
            load.most(url, CLIENTS, Duration.ofSeconds(10));
            HttpLoad.Most most = load.most(url, CLIENTS, Duration.ofSeconds(15));
            say(String.format(
                    Locale.ROOT,
                    "%s, GET /primary, wrk with %d connections: %.0f answers/s, p99 %.2f ms, wrong %d%s",
                    whose,
                    CLIENTS,
                    most.perSecond(),
                    most.p99Millis(),
                    most.wrong(),
                    most.trouble().isEmpty() ? "" : ", " + most.trouble()));
            wrong += most.wrong() > 0 ? 1 : 0;
            if (steadily) {
                HttpLoad.Steady steady =
                        load.steady(url, STEADY_CLIENTS, 1000, Duration.ofSeconds(5), Duration.ofSeconds(30));
                say(String.format(
                        Locale.ROOT,
                        "%s, GET /primary at 1000/s, h2load with %d connections: %.0f answers/s, p50 %.2f ms, p99 %.2f ms,"
                                + " p99.9 %.2f ms, worst %.1f ms, wrong %d",
                        whose,
                        STEADY_CLIENTS,
                        steady.perSecond(),
                        steady.millis(0.5),
                        steady.millis(0.99),
                        steady.millis(0.999),
                        steady.millis(1),
                        steady.wrong()));
                wrong += steady.wrong() > 0 ? 1 : 0;
            }
            return most.perSecond();
        }
    }

    private static final int CLIENTS = 16;
    private static final int STEADY_CLIENTS = 10;

    /** Wall time of the command that everybody types, and of Patroni's in turns with it: both meet the same load. */
    private void ctl() {
        Series ours = new Series("matriarchctl list, " + label(), "ms");
        Series theirs = new Series("patronictl list, Debian's package and etcd", "ms");
        try (Cluster cluster = start();
                Cluster patroni = Cluster.start(Cluster.Profile.PATRONI_FAST, 3)) {
            cluster.awaitWhole(BOUND);
            patroni.awaitWhole(BOUND);
            for (int i = 1; i <= tries + WARM_UP; i++) {
                double mine = listMillis(cluster);
                double other = listMillis(patroni);
                if (i > WARM_UP) {
                    ours.add(mine);
                    theirs.add(other);
                }
            }
        }
        print(ours, theirs);
        say(String.format(Locale.ROOT, "ratio of the medians: %.2f", ours.median() / theirs.median()));
    }

    private static final int WARM_UP = 3;

    private static double listMillis(Cluster cluster) {
        long begin = System.nanoTime();
        cluster.ctl("list").expectSuccess();
        return (System.nanoTime() - begin) / 1e6;
    }

    /** Postmaster killed, agent alive. */
    private void postmaster() {
        Series series = new Series("writes again after kill -9 of the postmaster, " + label(), "ms");
        try (Cluster cluster = start()) {
            for (int i = 1; i <= tries; i++) {
                Node leader = cluster.awaitWhole(BOUND);
                pauseAtRandom();
                try (Writer writer = Writer.start(cluster, "bench")) {
                    Faults.Strike strike = Faults.POSTMASTER.strike(leader);
                    Writer.Acknowledged first = writer.awaitConnectedAfter(strike.done(), BOUND);
                    note(series, i, first.acknowledgedNanos() - strike.begun(), first.node());
                    checkRows(cluster, writer);
                }
            }
        }
        print(series);
    }

    /** Planned hand-over: the longest time without an acknowledged commit. */
    private void switchover() {
        Series series = new Series("no writes during a switchover, " + label(), "ms");
        try (Cluster cluster = start()) {
            for (int i = 1; i <= tries; i++) {
                Node old = cluster.awaitWhole(BOUND);
                pauseAtRandom();
                try (Writer writer = Writer.start(cluster, "bench")) {
                    long moment = System.nanoTime();
                    cluster.ctl("switchover", "--leader", old.name(), "--force").expectSuccess();
                    Writer.Acknowledged first = writer.awaitElsewhere(old, moment, BOUND);
                    note(series, i, writer.longestGapMillis(moment) * 1_000_000, first.node());
                    checkRows(cluster, writer);
                }
            }
        }
        print(series);
    }

    /** Agent killed or stopped: how long the old primary goes on, and whether it acknowledges anything it should not. */
    private void fence() {
        Series last = new Series("last commit of the old primary after the agent was lost, " + label(), "ms");
        Series again = new Series("writes elsewhere after the agent was lost, " + label(), "ms");
        int late = 0;
        int lost = 0;
        try (Cluster cluster = start()) {
            for (int i = 1; i <= tries; i++) {
                Faults fault = i % 2 == 1 ? Faults.AGENT : Faults.AGENT_STOPPED;
                Node old = cluster.awaitWhole(BOUND);
                long agent = old.requireAgent();
                pauseAtRandom();
                try (Writer writer = Writer.start(cluster, "bench")) {
                    // The agent may have renewed until the last signal had reached it.
                    long moment = fault.strike(old).done();
                    Writer.Acknowledged elsewhere = writer.awaitElsewhere(old, moment, BOUND);
                    // The old primary gets time to show a commit that it must not take.
                    Await.pause(1_000);
                    long end = writer.lastOf(old).orElseThrow().acknowledgedNanos();
                    boolean overlap = end - elsewhere.acknowledgedNanos() > 0;
                    boolean afterDeadline = end - moment > profile.ttl().toNanos();
                    last.add((end - moment) / 1e6);
                    note(again, i, elsewhere.acknowledgedNanos() - moment, elsewhere.node() + ", " + fault);
                    late += overlap || afterDeadline ? 1 : 0;
                    if (fault == Faults.AGENT_STOPPED) {
                        Processes.signal("CONT", java.util.List.of(agent));
                    } else {
                        old.startAgent();
                    }
                    lost += checkRows(cluster, writer);
                }
            }
        }
        print(last, again);
        say("tries in which the old primary took a commit after its lease deadline or beside the new primary: " + late
                + " of " + tries);
        say("acknowledged rows lost: " + lost);
        wrong += late;
    }

    /** From {@code ./demo up} on a built tree to a whole cluster. */
    private void up() {
        Series series = new Series("./demo up, 3 new nodes, " + label(), "ms");
        for (int i = 1; i <= tries; i++) {
            long begin = System.nanoTime();
            Cluster cluster = Cluster.start(profile, 3);
            note(series, i, System.nanoTime() - begin, "");
            cluster.close();
        }
        print(series);
    }

    /** Memory and CPU of each agent at rest. */
    private void footprint() {
        Series pss = new Series("PSS of an agent at rest, " + label(), "MB");
        Series rss = new Series("RSS of an agent at rest, " + label(), "MB");
        Series cpu = new Series("CPU of an agent at rest, " + label(), "1/100 % of a core");
        Duration measured = Duration.ofSeconds(120);
        try (Cluster cluster = start()) {
            Node leader = cluster.awaitWhole(BOUND);
            say("letting the JVMs come to rest for " + REST.toSeconds() + " s, then measuring for "
                    + measured.toSeconds() + " s");
            Await.pause(REST.toMillis());
            var before = cluster.nodes().stream()
                    .map(n -> Processes.cpuMillis(n.requireAgent()))
                    .toList();
            Await.pause(measured.toMillis());
            String raftLeader = cluster.logs().raftLeader();
            for (int i = 0; i < cluster.nodes().size(); i++) {
                Node node = cluster.nodes().get(i);
                long pid = node.requireAgent();
                double memory = Processes.pssKilobytes(pid) / 1024.0;
                double hundredths = 10_000.0 * (Processes.cpuMillis(pid) - before.get(i)) / measured.toMillis();
                pss.add(memory);
                rss.add(Processes.rssKilobytes(pid) / 1024.0);
                cpu.add(hundredths);
                say(String.format(
                        Locale.ROOT,
                        "%s  %.0f MB PSS  %.2f %% CPU  %s%s",
                        node.name(),
                        memory,
                        hundredths / 100,
                        node.equals(leader) ? "leader" : "replica",
                        node.name().equals(raftLeader) ? ", Raft leader" : ""));
            }
        }
        print(pss, rss, cpu);
    }

    /** Processor time and disk of a cluster to which nothing happens; as root also Patroni's with as short a loop, and etcd. */
    private void idle() {
        Duration measured = Duration.ofSeconds(180);
        say("clusters of three come to rest for " + REST.toSeconds() + " s and are measured for " + measured.toSeconds()
                + " s, one after the other");
        AtRest.Cost ours;
        try (Cluster cluster = start()) {
            cluster.awaitWhole(BOUND);
            Await.pause(REST.toMillis());
            ours = AtRest.matriarch(cluster).during(measured);
        }
        say(AtRest.Cost.HEAD);
        say(ours.row("Matriarch, " + label()));
        if ("root".equals(System.getProperty("user.name"))) {
            try (Cluster cluster = Cluster.startPatroniOnThreeEtcds(Cluster.Profile.PATRONI_FAST)) {
                cluster.awaitWhole(BOUND);
                Await.pause(REST.toMillis());
                AtRest.Cost theirs = AtRest.patroni(cluster).during(measured);
                say(theirs.row("Patroni and an etcd of three, profile " + Cluster.Profile.PATRONI_FAST.option()));
                say(ours.ratio(theirs));
            }
        } else {
            say("Patroni was not measured: its cluster is started as root only");
        }
    }

    private int checkRows(Cluster cluster, Writer writer) {
        writer.stop();
        Set<Long> missing = writer.missingOn(cluster.awaitPrimary(BOUND));
        if (!missing.isEmpty()) {
            wrong++;
            say("LOST " + missing.size() + " acknowledged rows: " + missing);
        }
        return missing.size();
    }

    /** Faults shall not keep step with the heartbeat. */
    private static void pauseAtRandom() {
        Await.pause(500 + (long) (Math.random() * 2_000));
    }

    private static void note(Series series, int attempt, long nanos, String more) {
        series.add(nanos / 1e6);
        say(String.format(Locale.ROOT, "%3d  %6.0f ms  %s", attempt, nanos / 1e6, more));
    }

    private String label() {
        return "profile " + profile.option();
    }

    private static void print(Series... series) {
        say("");
        say(Series.header());
        for (Series one : series) {
            say(one.row());
        }
    }

    private static void say(String line) {
        System.out.println(line);
    }
}
