package dev.matriarch.sim;

import dev.matriarch.agent.config.DynamicConfigJson;
import dev.matriarch.agent.ha.LocalPostgres;
import dev.matriarch.agent.ha.Order;
import dev.matriarch.dcs.Expected;
import dev.matriarch.dcs.FailoverRequest;
import dev.matriarch.dcs.json.ClusterJson;
import dev.matriarch.dcs.json.ClusterKeys;
import dev.matriarch.proto.store.v1.Command;
import dev.matriarch.raft.ClusterCommands;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** What goes wrong in a schedule, and what operators do at bad moments. */
final class Chaos {
    private static final long SECOND = 1_000_000_000L;

    /** How long an agent takes to hear of the end of a guard. */
    private static final long NOTICED = SECOND / 10;

    private static final long MINUTE = 60 * SECOND;

    private final World world;
    private final Rng rng;
    private final Events events;
    private final long ttl;
    private boolean calm = true;
    private int phase;

    Chaos(World world, Rng rng) {
        this.world = world;
        this.rng = rng;
        this.events = world.events();
        this.ttl = world.plan().ttl();
    }

    void begin() {
        calm = false;
        phase++;
        if (world.plan().spite()) {
            world.atBadMoments(this::spite);
        }
        next();
    }

    /** Sometimes, within a moment. */
    private void spite() {
        if (calm || !rng.chance(0.15)) {
            return;
        }
        until(rng.chance(0.5) ? rng.between(0, SECOND / 50) : rng.between(0, SECOND / 2), () -> {
            int leader = leader();
            SimHost host = leader < 0 ? any() : world.host(leader);
            switch (rng.below(8)) {
                case 0, 1 -> powerCut(host);
                case 2 -> killAgentAndServer(host);
                case 3, 4 -> cutNetwork();
                case 5 -> powerCut(any());
                case 6 -> host.postgres().crash("SIGKILL");
                default -> slowReplica();
            }
        });
    }

    private void next() {
        int mine = phase;
        // Now and then several things happen almost at once.
        long pause = rng.chance(0.4) ? rng.between(0, SECOND) : rng.between(ttl / 4, ttl * 3);
        events.after(pause, () -> {
            if (mine == phase && !calm) {
                strike();
                next();
            }
        });
    }

    private void say(String what) {
        world.traceIf(() -> "*** " + what);
    }

    private SimHost any() {
        return world.host(rng.below(world.size()));
    }

    /** The leader twice as often as anybody else. */
    private SimHost somebody() {
        int leader = leader();
        return leader >= 0 && rng.chance(0.5) ? world.host(leader) : any();
    }

    private int leader() {
        return world.raft()
                .truth()
                .lease(ClusterCommands.LEADER_LEASE)
                .map(l -> world.index(l.holder()))
                .orElse(-1);
    }

    /** From a moment to several lives of a lease. */
    private long duration() {
        return switch (rng.below(4)) {
            case 0 -> rng.between(SECOND / 10, SECOND);
            case 1 -> rng.between(ttl / 2, ttl);
            case 2 -> rng.between(ttl, ttl * 2);
            default -> rng.between(ttl, ttl * 5);
        };
    }

    private void until(long nanos, Runnable end) {
        int mine = phase;
        events.after(nanos, () -> {
            if (mine == phase) {
                end.run();
            }
        });
    }

    private void strike() {
        switch (rng.below(26)) {
            case 0, 1 -> crashPostgres();
            case 2 -> killAgent(somebody());
            case 3 -> killAgentAndServer(somebody());
            case 4, 5 -> pauseAgent();
            case 6 -> killGuard();
            case 7 -> agentAndOneGuard();
            case 8, 9 -> powerCut(somebody());
            case 10 -> blackout();
            case 11, 12, 13, 14 -> cutNetwork();
            case 15 -> slowNetwork();
            case 16 -> {
                say("Raft changes its leader");
                world.raft().disturb();
            }
            case 17 -> slowReplica();
            case 18 -> hang();
            case 19 -> fillDisk();
            case 20 -> wallClock();
            case 21 -> switchover();
            case 22 -> failover();
            case 23 -> reconfigure();
            case 24 -> orders();
            default -> pauseCluster();
        }
    }

    // --- Processes ---

    private void crashPostgres() {
        SimHost host = somebody();
        say("the postmaster of " + host.name() + " is killed");
        host.postgres().crash("SIGKILL");
    }

    private void killAgent(SimHost host) {
        if (host.guards().living() == 0) {
            // Both guards and the agent gone before one replaces another: docs/safety.md promises nothing for that.
            return;
        }
        say("the agent of " + host.name() + " is killed");
        host.killAgent();
        until(rng.chance(0.5) ? rng.millis(500, 3000) : duration(), host::startAgent);
    }

    private void killAgentAndServer(SimHost host) {
        killAgent(host);
        events.after(
                rng.chance(0.5) ? 0 : rng.millis(0, 2000), () -> host.postgres().crash("SIGKILL"));
    }

    private void pauseAgent() {
        SimHost host = somebody();
        say("the agent of " + host.name() + " stands still");
        host.pauseAgent(true);
        until(duration(), () -> {
            say("the agent of " + host.name() + " goes on");
            host.pauseAgent(false);
        });
    }

    private void killGuard() {
        SimHost host = somebody();
        int which = rng.below(2);
        if (!host.agentRuns() && host.guards().living() < 2) {
            return;
        }
        say("guard " + (which + 1) + " of " + host.name() + " is killed");
        host.guards().kill(which);
        if (rng.chance(0.3) && host.agentRuns()) {
            host.guards().kill(1 - which);
        }
        // The agent hears of it at once, whatever its heartbeat waits for.
        world.events().after(NOTICED, () -> {
            if (host.agentRuns()) {
                host.guards().ensure();
            }
        });
    }

    private void agentAndOneGuard() {
        SimHost host = somebody();
        if (host.guards().living() == 2) {
            say("the agent and a guard of " + host.name() + " are killed");
            host.guards().kill(rng.below(2));
            host.killAgent();
            until(duration(), host::startAgent);
        }
    }

    // --- Hosts ---

    private void powerCut(SimHost host) {
        say(host.name() + " loses power");
        host.powerOff();
        until(duration(), () -> powerOn(host));
    }

    private void powerOn(SimHost host) {
        say(host.name() + " has power again");
        host.powerOn();
        until(rng.millis(100, 3000), host::startAgent);
    }

    private void blackout() {
        say("all hosts lose power");
        for (SimHost host : world.hosts()) {
            until(rng.chance(0.5) ? 0 : rng.millis(0, 3000), () -> {
                host.powerOff();
                until(duration(), () -> powerOn(host));
            });
        }
    }

    private void fillDisk() {
        SimHost host = somebody();
        say("the disk of " + host.name() + " is full");
        host.postgres().diskFull = true;
        until(duration(), () -> host.postgres().diskFull = false);
    }

    private void hang() {
        SimHost host = somebody();
        if (host.postgres().alive()) {
            say("the server of " + host.name() + " hangs");
            host.postgres().hung = true;
            int life = host.postgres().life;
            until(duration(), () -> {
                if (host.postgres().life == life) {
                    host.postgres().hung = false;
                }
            });
        }
    }

    private void wallClock() {
        SimHost host = any();
        long by = rng.between(-10 * MINUTE, 10 * MINUTE);
        say("the wall clock of " + host.name() + " jumps by " + by / SECOND + " s");
        host.jumpWallClock(by);
    }

    // --- Network ---

    private void cutNetwork() {
        Network network = world.network();
        int n = world.size();
        if (n == 1) {
            return;
        }
        boolean agents = rng.chance(0.8);
        boolean wal = !agents || rng.chance(0.6);
        int kind = rng.below(5);
        SimHost one = somebody();
        List<int[]> pairs = new ArrayList<>();
        switch (kind) {
            case 0 -> {
                say(one.name() + " is cut off");
                for (int i = 0; i < n; i++) {
                    pairs.add(new int[] {i, one.index()});
                    pairs.add(new int[] {one.index(), i});
                }
            }
            case 1 -> {
                int side = 1 + rng.below((1 << n) - 2);
                say("the network falls in two: " + Integer.toBinaryString(side));
                for (int a = 0; a < n; a++) {
                    for (int b = 0; b < n; b++) {
                        if ((side >> a & 1) != (side >> b & 1)) {
                            pairs.add(new int[] {a, b});
                        }
                    }
                }
            }
            case 2 -> {
                say("a ring: each reaches its neighbours only");
                for (int a = 0; a < n; a++) {
                    for (int b = 0; b < n; b++) {
                        if ((a + 1) % n != b && (b + 1) % n != a) {
                            pairs.add(new int[] {a, b});
                        }
                    }
                }
                if (n == 3) {
                    pairs.add(new int[] {0, 1});
                    pairs.add(new int[] {1, 0});
                }
            }
            case 3 -> {
                say("a bridge: two halves meet only in " + one.name());
                for (int a = 0; a < n; a++) {
                    for (int b = 0; b < n; b++) {
                        if (a != one.index() && b != one.index() && (a & 1) != (b & 1)) {
                            pairs.add(new int[] {a, b});
                        }
                    }
                }
            }
            default -> {
                boolean out = rng.chance(0.5);
                int other = rng.below(n);
                say("one way only: " + one.name() + (out ? " is not heard" : " does not hear")
                        + (rng.chance(0.5) ? "" : " by all"));
                for (int i = 0; i < n; i++) {
                    if (i == other || rng.chance(0.6)) {
                        pairs.add(out ? new int[] {one.index(), i} : new int[] {i, one.index()});
                    }
                }
            }
        }
        for (int[] pair : pairs) {
            if (pair[0] != pair[1]) {
                if (agents) {
                    network.cut(Network.AGENTS, pair[0], pair[1]);
                }
                if (wal) {
                    network.cut(Network.WAL, pair[0], pair[1]);
                }
            }
        }
        network.changed();
        until(duration(), () -> {
            say("the network is whole again");
            network.heal();
        });
    }

    private void slowNetwork() {
        if (rng.chance(0.5)) {
            world.network().loss(rng.between(1, 30) / 100.0);
            say("packets are lost");
        } else {
            SimHost host = any();
            world.network().slow(host.index(), rng.millis(5, 300));
            say("the way to " + host.name() + " is slow");
        }
        until(duration(), world.network()::heal);
    }

    private void slowReplica() {
        SimHost host = any();
        say("the store's replica of " + host.name() + " is slow");
        world.raft().slow(host.index(), rng.millis(100, 1500));
        until(duration(), () -> world.raft().slow(host.index(), 0));
    }

    // --- Operators ---

    private void ask(Command command) {
        SimHost door = any();
        if (door.agentRuns()) {
            world.raft().propose(door.index(), command, world.plan().retryTimeout(), reply -> {});
        }
    }

    private Optional<String> member(double none) {
        return rng.chance(none) ? Optional.empty() : Optional.of(any().name());
    }

    private void switchover() {
        int leader = leader();
        if (leader < 0) {
            return;
        }
        Optional<String> from = rng.chance(0.9) ? Optional.of(world.name(leader)) : Optional.of(any().name());
        Optional<String> to = member(0.5);
        Optional<Instant> at = rng.chance(0.2)
                ? Optional.of(Instant.ofEpochMilli(any().wallMillis() + rng.between(0, 20_000)))
                : Optional.empty();
        say("an operator asks for a switchover from " + from + " to " + to
                + at.map(t -> " at " + t).orElse(""));
        request(new FailoverRequest(from, to, at));
    }

    private void failover() {
        Optional<String> to = member(0);
        say("an operator forces a failover to " + to);
        request(new FailoverRequest(Optional.empty(), to, Optional.empty()));
    }

    private void request(FailoverRequest request) {
        ask(ClusterCommands.write(
                ClusterKeys.FAILOVER, ClusterJson.writeFailover(Optional.of(request)), Expected.anything()));
    }

    private void patch(String change) {
        world.truth().config().ifPresent(config -> {
            say("an operator changes the configuration: " + change);
            ask(ClusterCommands.write(
                    ClusterKeys.CONFIG,
                    DynamicConfigJson.merge(config.value(), change),
                    Expected.revision(config.revision())));
        });
    }

    private void reconfigure() {
        switch (rng.below(4)) {
            case 0 -> {
                patch("{\"synchronous_mode\": \"off\"}");
                until(
                        duration(),
                        () -> patch("{\"synchronous_mode\": \"" + world.plan().mode() + "\"}"));
            }
            case 1 -> patch("{\"synchronous_mode\": \"quorum\"}");
            case 2 -> patch("{\"synchronous_node_count\": " + rng.between(1, 3) + "}");
            default -> {
                long seconds = ttl / SECOND;
                long longer = rng.between(seconds, seconds * 2);
                patch("{\"ttl\": " + longer + "}");
                until(duration(), () -> patch("{\"ttl\": " + seconds + "}"));
            }
        }
    }

    private void orders() {
        SimHost host = somebody();
        if (!host.agentRuns()) {
            return;
        }
        switch (rng.below(4)) {
            case 0, 1 -> {
                say("an operator restarts the server of " + host.name());
                host.agent().order(new Order.Restart());
            }
            case 2 -> {
                // As the door does: not for a leader, and not without one.
                if (leader() >= 0 && !host.agent().holds() && !host.postgres().writable()) {
                    say("an operator reinitializes " + host.name());
                    host.agent().order(new Order.Reinitialize());
                }
            }
            default -> {
                say("an operator stops the agent of " + host.name());
                host.agent().order(new Order.Shutdown());
                until(duration(), host::startAgent);
            }
        }
    }

    private void pauseCluster() {
        patch("{\"pause\": true}");
        until(duration(), () -> patch("{\"pause\": null}"));
    }

    // --- The end ---

    /** Nothing is wrong any more, and everything that was stopped is started. */
    void end() {
        say("calm");
        calm = true;
        phase++;
        world.network().heal();
        for (SimHost host : world.hosts()) {
            host.postgres().diskFull = false;
            host.postgres().hung = false;
            host.pauseAgent(false);
            host.powerOn();
            world.raft().slow(host.index(), 0);
        }
        keepAlive();
        settle();
    }

    /** As systemd would: an agent that has ended is started again. */
    private void keepAlive() {
        int mine = phase;
        for (SimHost host : world.hosts()) {
            if (host.agent() == null || !host.agent().alive()) {
                events.after(rng.millis(100, 2000), host::startAgent);
            }
        }
        events.after(3 * SECOND, () -> {
            if (mine == phase) {
                keepAlive();
            }
        });
    }

    /** An operator who wants the cluster back as it was, and tries until it is. */
    private void settle() {
        int mine = phase;
        world.truth().config().ifPresent(config -> {
            String wanted = DynamicConfigJson.merge(
                    config.value(),
                    "{\"pause\": null, \"ttl\": " + ttl / SECOND + ", \"synchronous_mode\": \""
                            + world.plan().mode() + "\"}");
            if (!wanted.equals(config.value())) {
                ask(ClusterCommands.write(ClusterKeys.CONFIG, wanted, Expected.revision(config.revision())));
            }
        });
        for (SimHost host : world.hosts()) {
            boolean foreign = host.postgres().data.state == LocalPostgres.DataDirectory.VALID
                    && !world.judge().systemIdentifier().isEmpty()
                    && !host.postgres()
                            .data
                            .systemIdentifier
                            .equals(world.judge().systemIdentifier());
            if (foreign && host.agent() != null && host.agent().exitCode() == 1) {
                // Of a cluster that was never announced: its creator was stopped in between.
                host.postgres().crash("stopped by an operator");
                host.postgres().data.remove();
            }
            // Left behind by an interrupted rewind and not allowed to be discarded: an operator's work.
            boolean stuck = host.postgres().data.state == LocalPostgres.DataDirectory.HALF_WRITTEN
                    || host.agentRuns() && host.agent().lastSentence().contains("may neither be rewound nor removed");
            if (stuck && !world.plan().mayDiscard() && host.agentRuns() && leader() >= 0) {
                host.agent().order(new Order.Reinitialize());
            }
        }
        events.after(2 * SECOND, () -> {
            if (mine == phase) {
                settle();
            }
        });
    }
}
