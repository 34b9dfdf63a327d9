package dev.matriarch.agent.callbacks;

import dev.matriarch.agent.config.ScriptsConfig;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Tells the operator's callbacks what happened. Any thread; nothing here waits for a callback.
 *
 * <p>One callback runs at a time: a new one ends the one before, its children included. {@code on_reload} goes beside
 * the others and ends only another {@code on_reload}. What a callback returns is logged and otherwise ignored.
 */
public final class Callbacks implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Callbacks.class);
    private static final String RELOAD = "on_reload";

    private final Supplier<ScriptsConfig> scripts;
    private final String scope;
    private final Lane ordinary = new Lane("callbacks");
    private final Lane reloads = new Lane("callbacks-reload");
    private Optional<Role> role = Optional.empty();

    /** @param scripts asked anew each time: the configuration may be read again */
    public Callbacks(Supplier<ScriptsConfig> scripts, String scope) {
        this.scripts = scripts;
        this.scope = scope;
    }

    /** @param after the server's role now; for a stop see {@link #stopped} */
    public synchronized void happened(Action action, Role after) {
        Optional<Callback> callback = Callback.choose(action, role, after);
        role = Optional.of(after);
        callback.ifPresent(this::call);
    }

    /** A running server read its configuration again and is what it was. */
    public synchronized void reloaded() {
        role.ifPresent(same -> happened(Action.RELOADED, same));
    }

    public synchronized void stopped() {
        role.ifPresent(before -> happened(Action.STOPPED, Callback.afterStop(before)));
    }

    /** The leader gave the lock away; news only if its server did not run and was not stopped either. */
    public synchronized void gaveUp() {
        if (role.equals(Optional.of(Role.PRIMARY))) {
            happened(Action.GIVEN_UP, Role.DEMOTED);
        }
    }

    private void call(Callback callback) {
        ScriptsConfig configured = scripts.get();
        List<String> words = configured.callbacks().get(callback.event());
        if (words == null) {
            return;
        }
        List<String> command = new ArrayList<>(words);
        command.addAll(List.of(callback.event(), callback.role().word(configured.primaryWord()), scope));
        (callback.event().equals(RELOAD) ? reloads : ordinary).run(callback.event(), command);
    }

    /** What was begun goes on without the agent; what was only announced is still begun. */
    @Override
    public void close() {
        ordinary.close();
        reloads.close();
    }

    /** Programs one after another, each ending the one before it. */
    private static final class Lane {
        private final ExecutorService thread;
        private Script last;

        Lane(String name) {
            thread = Executors.newSingleThreadExecutor(
                    Thread.ofPlatform().daemon().name(name).factory());
        }

        void run(String event, List<String> command) {
            thread.execute(() -> start(event, command));
        }

        private void start(String event, List<String> command) {
            if (last != null && last.isAlive()) {
                LOG.info("{} ends a callback that is still running", event);
                last.kill();
            }
            LOG.info("Running callback {}", String.join(" ", command.subList(command.size() - 3, command.size())));
            try {
                last = Script.start(event, command);
                last.process().onExit().thenAccept(p -> {
                    if (p.exitValue() != 0) {
                        LOG.warn("The callback {} ended with exit code {}", event, p.exitValue());
                    }
                });
            } catch (IOException e) {
                LOG.error("The callback {} cannot be run: {}", event, e.getMessage());
            }
        }

        void close() {
            thread.shutdown();
            try {
                thread.awaitTermination(2, TimeUnit.SECONDS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }
    }
}
