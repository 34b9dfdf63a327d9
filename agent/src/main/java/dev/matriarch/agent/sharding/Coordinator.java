package dev.matriarch.agent.sharding;

import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Iterator;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps {@code pg_dist_node} right, on a thread of its own, while this member leads the coordinator's group. All methods
 * return at once, but for {@link #event}.
 *
 * <p>While a worker's leader changes, one transaction is open that holds back the clients that need the worker; other
 * groups wait for its end. It ends with the new leader, or with its time.
 */
final class Coordinator implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Coordinator.class);
    private static final String NOT_LEADING = "this member does not lead the coordinator's group";
    private static final Duration STANDARD_COOLDOWN = Duration.ofSeconds(10);

    private record Asked(Event event, CompletableFuture<String> done) {}

    /** The open transaction. */
    private record Change(int group, long deadline) {}

    private final NodeStore store;
    private final LongSupplier nanos;
    private final Duration again;
    private final Thread thread;

    private final Deque<Asked> asked = new ArrayDeque<>();
    private final Map<Integer, Group> groups = new TreeMap<>();
    /** Groups that have to be compared with the table. */
    private final Set<Integer> due = new TreeSet<>();

    private Optional<Change> change = Optional.empty();
    private boolean leading;
    /** When all groups were last made due. */
    private long comparedAt;

    private boolean closed;
    private String lastProblem = "";

    /** @param again how long after a failed attempt, and how often at least, the table is compared */
    Coordinator(NodeStore store, LongSupplier nanos, Duration again) {
        this.store = store;
        this.nanos = nanos;
        this.again = again;
        this.thread = Thread.ofPlatform().daemon().name("citus").start(this::run);
    }

    /** @param own the coordinator's group itself */
    synchronized void leads(boolean leads, Group own) {
        if (leads != leading) {
            leading = leads;
            comparedAt = nanos.getAsLong();
            notifyAll();
        }
        if (leads) {
            announced(own);
        }
    }

    synchronized boolean leads() {
        return leading;
    }

    /** What the leader of a group says of it. */
    synchronized void announced(Group group) {
        Group before = groups.get(group.number());
        boolean late = before != null && before.epoch() > group.epoch();
        if (group.primary().isPresent() && !late && !group.equals(before)) {
            groups.put(group.number(), group);
            due.add(group.number());
            notifyAll();
        }
    }

    /**
     * Returns when the change has been made, at the latest after the event's time.
     *
     * @return what went wrong; empty: nothing
     */
    String event(Event event) throws InterruptedException {
        Asked mine = new Asked(event, new CompletableFuture<>());
        synchronized (this) {
            if (!leading) {
                return NOT_LEADING;
            }
            asked.add(mine);
            notifyAll();
        }
        try {
            return mine.done().get(event.timeout().toMillis(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
            synchronized (this) {
                asked.remove(mine);
            }
            return "no time was left to change pg_dist_node";
        } catch (ExecutionException e) {
            return String.valueOf(e.getCause());
        }
    }

    private void run() {
        try {
            while (step()) {}
        } catch (InterruptedException e) {
            // Only close() interrupts.
            Thread.currentThread().interrupt();
        } finally {
            store.rollback();
            store.close();
        }
    }

    /** What to do next; false: nothing ever. */
    private boolean step() throws InterruptedException {
        Asked next = null;
        Group compare = null;
        synchronized (this) {
            if (closed) {
                return false;
            }
            if (!leading) {
                forget();
            }
        }
        if (!leads()) {
            // Nobody holds the lock that the heartbeat may wait for while this talks to a server.
            store.close();
            synchronized (this) {
                while (!leading && !closed) {
                    wait();
                }
            }
            return true;
        }
        synchronized (this) {
            next = nextAsked();
            if (next == null && change.isEmpty() && !due.isEmpty()) {
                int number = due.iterator().next();
                due.remove(number);
                compare = groups.get(number);
            } else if (next == null) {
                long until = change.map(Change::deadline).orElse(comparedAt + again.toNanos());
                long left = until - nanos.getAsLong();
                if (left > 0) {
                    TimeUnit.NANOSECONDS.timedWait(this, left);
                    return true;
                }
                if (change.isEmpty()) {
                    comparedAt = nanos.getAsLong();
                    due.addAll(groups.keySet());
                    return true;
                }
            }
        }
        if (next != null) {
            next.done().complete(carryOut(next.event()));
        } else if (compare != null) {
            compare(compare);
        } else {
            Change late = change.orElseThrow();
            LOG.warn(
                    "Nobody was promoted in group {} in time: clients that waited for it go on with its former leader",
                    late.group());
            end(late.group());
        }
        return true;
    }

    /** Somebody else leads now, who has all this from the groups themselves. */
    private void forget() {
        asked.forEach(a -> a.done().complete(NOT_LEADING));
        asked.clear();
        groups.clear();
        due.clear();
        change = Optional.empty();
    }

    private Asked nextAsked() {
        for (Iterator<Asked> all = asked.iterator(); all.hasNext(); ) {
            Asked one = all.next();
            if (change.isEmpty() || change.get().group() == one.event().group()) {
                all.remove();
                return one;
            }
        }
        return null;
    }

    private String carryOut(Event event) {
        try {
            if (change.isEmpty()) {
                store.begin();
            }
            var rows = store.rows(event.group());
            if (rows.isEmpty()) {
                end(event.group());
                return "";
            }
            var steps = event.type() == Event.Type.BEFORE_DEMOTE
                    ? NodeTable.demote(rows)
                    : NodeTable.promote(rows, event.leader());
            for (NodeTable.Step step : steps) {
                store.take(step, event.cooldown());
            }
            if (event.type() == Event.Type.AFTER_PROMOTE) {
                store.commit();
                LOG.info(
                        "Group {} is led by {} at {}:{}",
                        event.group(),
                        event.leader().member(),
                        event.leader().host(),
                        event.leader().port());
                promoted(event);
                end(event.group());
            } else {
                long deadline = nanos.getAsLong() + event.timeout().toNanos();
                synchronized (this) {
                    change = Optional.of(new Change(event.group(), deadline));
                }
            }
            return "";
        } catch (SQLException | RuntimeException e) {
            LOG.warn("pg_dist_node could not be changed for group {}: {}", event.group(), e.getMessage());
            end(event.group());
            store.close();
            return "pg_dist_node could not be changed: " + e.getMessage();
        }
    }

    private synchronized void promoted(Event event) {
        groups.computeIfPresent(
                event.group(), (number, group) -> group.ledBy(event.leader(), Math.max(group.epoch(), event.epoch())));
    }

    /** Whatever is open is undone; the group's rows are looked at again. */
    private void end(int group) {
        store.rollback();
        synchronized (this) {
            change = Optional.empty();
            due.add(group);
            due.retainAll(groups.keySet());
        }
    }

    private void compare(Group group) {
        try {
            var rows = store.rows(group.number());
            var moves = NodeTable.promote(rows, group.primary().orElseThrow());
            if (!moves.isEmpty()) {
                store.begin();
                for (NodeTable.Step step : moves) {
                    store.take(step, STANDARD_COOLDOWN);
                }
                store.commit();
                LOG.info("pg_dist_node of group {}: {}", group.number(), moves);
                rows = store.rows(group.number());
            }
            for (NodeTable.Step step : NodeTable.others(rows, group)) {
                store.take(step, STANDARD_COOLDOWN);
                LOG.info("pg_dist_node of group {}: {}", group.number(), step);
            }
            lastProblem = "";
        } catch (SQLException | RuntimeException e) {
            if (!lastProblem.equals(e.getMessage())) {
                LOG.warn("pg_dist_node is not yet right for group {}: {}", group.number(), e.getMessage());
            }
            lastProblem = String.valueOf(e.getMessage());
            store.rollback();
            store.close();
        }
    }

    @Override
    public void close() {
        synchronized (this) {
            closed = true;
        }
        thread.interrupt();
    }
}
