package dev.matriarch.sim;

import java.util.ArrayList;
import java.util.List;

/** Commits that wait for standbys, and {@code synchronous_standby_names} as sessions and WAL senders go by it. */
final class CommitWait {
    private final World world;
    private final SimPostgres server;
    private final Rng rng;
    private String shown = "";
    private SyncNames namesOfSenders = SyncNames.NONE;
    private boolean takenUp = true;
    /** Ends of their WAL. */
    private final List<Long> waiting = new ArrayList<>();

    CommitWait(World world, SimPostgres server, Rng rng) {
        this.world = world;
        this.server = server;
        this.rng = rng;
    }

    /** A server that starts has read its configuration. */
    void startWith(String names) {
        shown = names;
        namesOfSenders = SyncNames.parse(names);
        takenUp = true;
    }

    /** @param seen runs when a session sees the new value */
    void reload(String names, Runnable seen) {
        int mine = server.life;
        world.events().after(rng.millis(2, 20), () -> {
            if (server.life != mine) {
                return;
            }
            shown = names;
            takenUp = false;
            world.events().after(rng.millis(0, 80), () -> {
                if (server.life == mine) {
                    namesOfSenders = SyncNames.parse(shown);
                    takenUp = true;
                    release();
                }
            });
            seen.run();
        });
    }

    /** What a session shows. */
    String shown() {
        return shown;
    }

    /** What WAL senders go by. */
    SyncNames namesOfSenders() {
        return namesOfSenders;
    }

    /** True if WAL senders go by what a session shows. */
    boolean isTakenUp() {
        return takenUp;
    }

    void committed(long end) {
        if (shown.isEmpty() && waiting.isEmpty()) {
            world.judge().acknowledged(server, end);
        } else {
            waiting.add(end);
            release();
        }
    }

    boolean isAnyWaiting() {
        return !waiting.isEmpty();
    }

    /** Acknowledges what enough standbys have. */
    void release() {
        if (waiting.isEmpty() || !server.writable() || server.hung) {
            return;
        }
        long safe = namesOfSenders.isNone()
                ? (shown.isEmpty() ? server.data.end : 0)
                : namesOfSenders.confirmed(server.senders);
        while (!waiting.isEmpty() && waiting.getFirst() <= safe) {
            world.judge().acknowledged(server, waiting.removeFirst());
        }
    }

    /** The sessions are gone. */
    void abandon() {
        waiting.clear();
    }
}
