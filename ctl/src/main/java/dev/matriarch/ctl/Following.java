package dev.matriarch.ctl;

import dev.matriarch.proto.control.v1.ActionReply;
import dev.matriarch.proto.control.v1.ActionStep;
import dev.matriarch.proto.control.v1.GetActionReply;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;

/** Shows on the standard error how far an action got, as long as its call goes on. */
final class Following {
    private static final long LOOK_AGAIN_MILLIS = 200;

    private final Supplier<Agents> agents;
    private final Terminal terminal;
    private final String member;
    private final String id = newId();
    private int shown;

    /** @param member who carries it out; empty: the agent that is asked */
    Following(Agents agents, Terminal terminal, String member) {
        this(() -> agents, terminal, member);
    }

    /** @param agents those to ask at the time */
    Following(Supplier<Agents> agents, Terminal terminal, String member) {
        this.agents = agents;
        this.terminal = terminal;
        this.member = member;
    }

    /** For one order. */
    static String newId() {
        return UUID.randomUUID().toString().substring(0, 8);
    }

    /** What the request is to carry. */
    String id() {
        return id;
    }

    /**
     * @param call has a deadline of its own
     * @throws CtlException as the call does
     */
    ActionReply until(Supplier<ActionReply> call) {
        CompletableFuture<ActionReply> reply = new CompletableFuture<>();
        Thread.ofVirtual().name("action").start(() -> {
            try {
                reply.complete(call.get());
            } catch (RuntimeException e) {
                reply.completeExceptionally(e);
            }
        });
        while (true) {
            try {
                ActionReply ended = reply.get(LOOK_AGAIN_MILLIS, TimeUnit.MILLISECONDS);
                if (shown > 0) {
                    show();
                }
                return ended;
            } catch (TimeoutException goesOn) {
                show();
            } catch (ExecutionException e) {
                throw e.getCause() instanceof RuntimeException cause ? cause : new IllegalStateException(e.getCause());
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw CtlException.refused("Aborted!");
            }
        }
    }

    /** All of them until now. */
    List<ActionStep> steps() {
        return action().getStepsList();
    }

    GetActionReply action() {
        return agents.get().action(id, member);
    }

    /** Those that were not shown yet. */
    void show() {
        List<ActionStep> steps = steps();
        for (; shown < steps.size(); shown++) {
            ActionStep step = steps.get(shown);
            terminal.complain("  " + seconds(step.getAfterMillis()) + " s  " + step.getText());
        }
    }

    static String seconds(long millis) {
        return String.format(java.util.Locale.ROOT, "%.1f", millis / 1000.0);
    }
}
