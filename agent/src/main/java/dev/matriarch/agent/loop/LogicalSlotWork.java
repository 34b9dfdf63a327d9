package dev.matriarch.agent.loop;

import dev.matriarch.agent.ha.LocalPostgres;
import dev.matriarch.agent.ha.LogicalSlots;
import dev.matriarch.agent.ha.Observation;
import dev.matriarch.agent.ha.SlotChange;
import dev.matriarch.agent.ha.Upstream;
import dev.matriarch.agent.postgres.PostgresException;
import dev.matriarch.agent.postgres.PostgresServer;
import dev.matriarch.dcs.SlotName;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Creates logical slots, moves them on, and finds out whether copies can be used: beside the heartbeat, for decoding may take
 * its time. One piece of work at a time; what is still to do then is seen anew.
 */
final class LogicalSlotWork implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(LogicalSlotWork.class);
    private static final Duration LONGEST = Duration.ofSeconds(60);
    private static final Duration QUESTION = Duration.ofSeconds(3);
    private static final long PAUSE_AFTER_FAILURE = 10_000_000_000L;

    private final PostgresServer server;
    private final Memory memory;
    private final Clock clock;
    private final ExecutorService thread = Executors.newSingleThreadExecutor(
            Thread.ofPlatform().daemon().name("logical-slots").factory());
    private final AtomicBoolean busy = new AtomicBoolean();
    /** By slot: the leader's catalog_xmin when this member's feedback was first seen in force there. */
    private final Map<String, Long> keptSince = new HashMap<>();

    private volatile long notBefore = Long.MIN_VALUE;
    private String lastProblem = "";

    LogicalSlotWork(PostgresServer server, Memory memory, Clock clock) {
        this.server = server;
        this.memory = memory;
        this.clock = clock;
    }

    /** Looks at what there is to do; returns at once. */
    void seen(Observation seen) {
        if (notBefore != Long.MIN_VALUE && clock.nanos() - notBefore < 0) {
            return;
        }
        List<SlotChange> work = LogicalSlots.work(seen);
        Set<String> unproven = LogicalSlots.unproven(seen);
        if (work.isEmpty() && unproven.isEmpty() || !busy.compareAndSet(false, true)) {
            return;
        }
        try {
            thread.execute(() -> {
                try {
                    run(seen, work, unproven);
                } finally {
                    busy.set(false);
                }
            });
        } catch (RejectedExecutionException closed) {
            busy.set(false);
        }
    }

    private void run(Observation seen, List<SlotChange> work, Set<String> unproven) {
        try {
            for (SlotChange change : work) {
                String database = change instanceof SlotChange.CreateLogical create
                        ? create.database()
                        : ((SlotChange.Advance) change).database();
                if (change instanceof SlotChange.CreateLogical) {
                    LOG.info("Replication slots: {}", change.words());
                }
                server.changeLogicalSlot(change, database, LONGEST);
            }
            prove(seen, unproven);
            lastProblem = "";
        } catch (PostgresException | RuntimeException e) {
            notBefore = clock.nanos() + PAUSE_AFTER_FAILURE;
            String problem = String.valueOf(e.getMessage());
            if (!problem.equals(lastProblem)) {
                LOG.warn("Logical replication slots: {}", problem);
            }
            lastProblem = problem;
        }
    }

    private void prove(Observation seen, Set<String> unproven) throws PostgresException {
        keptSince.keySet().retainAll(unproven);
        Optional<Upstream.Of> leader = LogicalSlots.leader(seen);
        if (unproven.isEmpty() || leader.isEmpty()) {
            return;
        }
        String mine = SlotName.of(LogicalSlots.topOfChain(seen));
        Set<String> asked = new TreeSet<>(unproven);
        asked.add(mine);
        Map<String, Long> there = server.catalogXmins(leader.get(), asked, QUESTION);
        Long feedback = there.get(mine);
        if (feedback == null || feedback == 0) {
            return;
        }
        for (String name : unproven) {
            Long theirs = there.get(name);
            if (theirs != null && theirs != 0) {
                keptSince.putIfAbsent(name, theirs);
            }
            long here = seen.postgres().status().map(LocalPostgres.Status::slots).orElse(List.of()).stream()
                    .filter(s -> s.name().equals(name))
                    .mapToLong(LocalPostgres.Slot::catalogXmin)
                    .findFirst()
                    .orElse(0);
            if (LogicalSlots.isProven(here, keptSince.getOrDefault(name, 0L))) {
                LOG.info("The logical replication slot {} can be used here after a failover", name);
                memory.slotProven(name);
            }
        }
    }

    @Override
    public void close() {
        thread.shutdownNow();
    }
}
