package dev.matriarch.agent.rpc;

import dev.matriarch.proto.control.v1.ActionReply;
import dev.matriarch.proto.control.v1.ActionStep;
import dev.matriarch.proto.control.v1.GetActionReply;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Consumer;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What this member was asked for lately, and how far each got. Kept in memory only; that it was asked for and how it ended
 * is told on. Safe for use by several threads.
 */
final class ActionLog {
    private static final Logger LOG = LoggerFactory.getLogger(ActionLog.class);
    private static final int MOST_ACTIONS = 64;
    private static final int MOST_STEPS = 64;
    private static final Pattern ID = Pattern.compile("[A-Za-z0-9-]{4,40}");

    private final Map<String, Action> actions = new LinkedHashMap<>();
    private final Consumer<String> told;

    /** @param told of the beginning and the end of each, in a sentence; must return at once */
    ActionLog(Consumer<String> told) {
        this.told = told;
    }

    /** How long nobody took writes while the leader changed. */
    record Standstill(Duration atLeast, Duration atMost) {}

    /** One thing that was asked for. Safe for use by several threads. */
    static final class Action implements Progress {
        private final String id;
        private final String what;
        private final Consumer<String> told;
        private final long began = System.nanoTime();
        private final List<ActionStep> steps = new ArrayList<>();
        private Optional<Standstill> standstill = Optional.empty();
        /** Volatile: looked at by {@link #begin}, which must not wait for an action. */
        private volatile Optional<ActionReply> result = Optional.empty();

        private boolean goesOn;

        private Action(String id, String what, Consumer<String> told) {
            this.id = id;
            this.what = what;
            this.told = told;
        }

        String id() {
            return id;
        }

        @Override
        public synchronized void step(String text) {
            LOG.info("action {}: {}", id, text);
            if (steps.size() < MOST_STEPS) {
                steps.add(ActionStep.newBuilder()
                        .setAfterMillis((System.nanoTime() - began) / 1_000_000)
                        .setText(text)
                        .build());
            }
        }

        @Override
        public synchronized void standstill(Duration atLeast, Duration atMost) {
            standstill = Optional.of(new Standstill(atLeast, atMost));
        }

        @Override
        public synchronized void goesOn() {
            goesOn = true;
        }

        @Override
        public synchronized void ended(Outcome outcome) {
            goesOn = false;
            end(outcome);
        }

        /** @return the reply, which is what {@link GetActionReply} tells from now on as well, unless it goes on */
        synchronized ActionReply end(Outcome outcome) {
            LOG.info("action {} ({}) {}: {} {}", id, what, verb(), outcome.status(), outcome.message());
            told.accept(
                    "action " + id + " (" + what + ") " + verb() + ": " + outcome.status() + " " + outcome.message());
            ActionReply reply = reply(outcome);
            if (!goesOn) {
                result = Optional.of(reply);
            }
            return reply;
        }

        private String verb() {
            return goesOn ? "goes on" : "ended";
        }

        private ActionReply reply(Outcome outcome) {
            ActionReply.Builder reply = ActionReply.newBuilder()
                    .setActionId(id)
                    .setStatus(outcome.status())
                    .setMessage(outcome.message());
            standstill.ifPresent(
                    s -> reply.setStandstillAtLeastMillis(s.atLeast().toMillis())
                            .setStandstillAtMostMillis(s.atMost().toMillis()));
            return reply.build();
        }

        private synchronized GetActionReply reply() {
            GetActionReply.Builder reply =
                    GetActionReply.newBuilder().setKnown(true).setWhat(what).addAllSteps(steps);
            result.ifPresent(reply::setResult);
            return reply.build();
        }
    }

    /** @param wanted the id that it is to have; one that is no id, or is taken, is replaced */
    Action begin(String wanted, String what) {
        synchronized (actions) {
            String id = ID.matcher(wanted).matches() && !actions.containsKey(wanted)
                    ? wanted
                    : UUID.randomUUID().toString().substring(0, 8);
            Action action = new Action(id, what, told);
            actions.put(id, action);
            if (actions.size() > MOST_ACTIONS) {
                forgetOne();
            }
            LOG.info("action {}: {}", id, what);
            told.accept("action " + id + ": " + what + " is asked for");
            return action;
        }
    }

    /** What still runs is asked about: it stays as long as anything else can go. */
    private void forgetOne() {
        String oldest = actions.keySet().iterator().next();
        actions.remove(actions.entrySet().stream()
                .filter(e -> e.getValue().result.isPresent())
                .findFirst()
                .map(Map.Entry::getKey)
                .orElse(oldest));
    }

    GetActionReply reply(String id) {
        Action action;
        synchronized (actions) {
            action = actions.get(id);
        }
        return action == null ? GetActionReply.getDefaultInstance() : action.reply();
    }
}
