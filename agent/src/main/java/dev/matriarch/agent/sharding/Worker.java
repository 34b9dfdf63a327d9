package dev.matriarch.agent.sharding;

import dev.matriarch.agent.config.CitusConfig;
import dev.matriarch.agent.sharding.Sharding.Announcement;
import dev.matriarch.agent.sharding.Sharding.Answer;
import dev.matriarch.agent.sharding.Sharding.EventAnswer;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Tells the coordinator's agents of this member, on a thread of its own. */
final class Worker implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Worker.class);
    private static final Duration ANSWER = Duration.ofSeconds(2);

    private final String scope;
    private final CitusConfig config;
    private final Sharding.CoordinatorCalls calls;
    private final Supplier<Citus.Timing> timing;
    private final Consumer<List<Group>> learnt;
    private final Thread thread;

    private final Deque<Event> events = new ArrayDeque<>();
    private Group own;
    private Optional<Node> mine = Optional.empty();
    private boolean leading;
    private boolean changed;
    private boolean closed;
    private String lastProblem = "";

    /** @param learnt is told of all groups whenever the coordinator has said where they are */
    Worker(
            String scope,
            CitusConfig config,
            Sharding.CoordinatorCalls calls,
            Supplier<Citus.Timing> timing,
            Consumer<List<Group>> learnt) {
        this.scope = scope;
        this.config = config;
        this.calls = calls;
        this.timing = timing;
        this.learnt = learnt;
        this.thread = Thread.ofPlatform().daemon().name("citus").start(this::run);
    }

    /** @param node where this member's server is, if that is known */
    synchronized void seen(Group group, Optional<Node> node, boolean leads) {
        mine = node;
        if (!group.equals(own) || leads != leading) {
            own = group;
            leading = leads;
            changed = true;
            notifyAll();
        }
    }

    /** Returns when the coordinator has clients wait, or cannot be told. */
    void beforeDemote() throws InterruptedException {
        Optional<Event> event;
        synchronized (this) {
            event = leading ? event(Event.Type.BEFORE_DEMOTE) : Optional.empty();
        }
        if (event.isPresent()) {
            report(event.get(), calls.event(scope, event.get(), event.get().timeout()));
        }
    }

    /** Beside what the caller does: a promotion waits for nobody. */
    synchronized void tell(Event.Type type) {
        event(type).ifPresent(events::add);
        notifyAll();
    }

    private Optional<Event> event(Event.Type type) {
        if (own == null) {
            return Optional.empty();
        }
        Citus.Timing now = timing.get();
        return mine.map(n -> new Event(type, config.group(), n, own.epoch(), now.ttl(), now.retryTimeout()));
    }

    private void report(Event event, EventAnswer answer) {
        String what = event.type().text() + " of group " + event.group();
        if (!answer.problem().isEmpty()) {
            LOG.warn("The coordinator did not carry out {}: {}", what, answer.problem());
        } else {
            LOG.info("The coordinator has carried out {}", what);
        }
    }

    private void run() {
        try {
            while (true) {
                Event event;
                Announcement announcement;
                synchronized (this) {
                    if (events.isEmpty() && !changed && !closed) {
                        TimeUnit.NANOSECONDS.timedWait(
                                this, timing.get().loopWait().toNanos());
                    }
                    if (closed) {
                        return;
                    }
                    event = events.poll();
                    changed &= event != null;
                    announcement = own == null ? null : new Announcement(scope, config.database(), own, leading);
                }
                try {
                    if (event != null) {
                        report(event, calls.event(scope, event, ANSWER));
                    } else if (announcement != null) {
                        announce(announcement);
                    }
                } catch (RuntimeException e) {
                    // The next announcement makes good for it.
                    LOG.warn("The coordinator could not be told: {}", e.toString());
                }
            }
        } catch (InterruptedException e) {
            // Only close() interrupts.
            Thread.currentThread().interrupt();
        }
    }

    private void announce(Announcement announcement) {
        List<Answer> answers = calls.announce(announcement, ANSWER);
        String problem = answers.stream()
                .map(Answer::problem)
                .filter(p -> !p.isEmpty())
                .findFirst()
                .orElse(answers.isEmpty() ? "none of its members answers at " + config.coordinator() : "");
        if (!problem.isEmpty() && !problem.equals(lastProblem)) {
            LOG.warn("The coordinator does not know of this member: {}", problem);
        } else if (problem.isEmpty() && !lastProblem.isEmpty()) {
            LOG.info("The coordinator knows of this member again");
        }
        lastProblem = problem;
        // Those that lead have the newest; others at least know where everybody is.
        answers.stream()
                .filter(Answer::leads)
                .findFirst()
                .or(() -> answers.stream().filter(a -> a.problem().isEmpty()).findFirst())
                .ifPresent(a -> learnt.accept(a.groups().stream()
                        .filter(g -> g.number() != config.group())
                        .toList()));
    }

    @Override
    public void close() {
        synchronized (this) {
            closed = true;
            notifyAll();
        }
        thread.interrupt();
    }
}
