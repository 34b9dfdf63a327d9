package dev.matriarch.sim;

import dev.matriarch.agent.ha.LocalPostgres;
import dev.matriarch.dcs.Lsn;
import java.util.ArrayList;
import java.util.List;

/** The WAL sender processes of a server: one for each other host that streams from it, and what that host has confirmed. */
final class WalSenders {
    private final World world;
    private final SimPostgres server;
    private final Rng rng;
    private final Sender[] senders;

    private static final class Sender {
        boolean connected;
        long flush;
        /** Something is on its way. */
        boolean busy;
        /** The {@link WalReceiver#life} that it serves. */
        int receiver;
    }

    WalSenders(World world, SimPostgres server, Rng rng) {
        this.world = world;
        this.server = server;
        this.rng = rng;
        senders = new Sender[world.size()];
        for (int i = 0; i < senders.length; i++) {
            senders[i] = new Sender();
        }
    }

    // --- Connections ---

    void serve(int host, int receiver, long flushed) {
        Sender sender = senders[host];
        sender.connected = true;
        sender.busy = false;
        sender.receiver = receiver;
        sender.flush = flushed;
    }

    void drop(int host) {
        senders[host].connected = false;
    }

    /** That receiver is gone; a later one stays connected. */
    void drop(int host, int receiver) {
        if (senders[host].receiver == receiver) {
            senders[host].connected = false;
        }
    }

    /** The server has ended. */
    void end() {
        for (int i = 0; i < senders.length; i++) {
            if (senders[i].connected) {
                lose(i);
            }
        }
    }

    private void lose(int host) {
        senders[host].connected = false;
        world.host(host).postgres().receiver.lostUpstream(server.host);
    }

    /** The network has changed: senders go on where there is a way, and give up after their timeout where there is none. */
    void networkChanged() {
        for (int i = 0; i < senders.length; i++) {
            Sender sender = senders[i];
            if (!sender.connected) {
                continue;
            }
            if (joins(i)) {
                if (sender.flush < server.data.end) {
                    ship(i);
                }
            } else {
                int to = i;
                int receiver = sender.receiver;
                world.events().after(rng.millis(3000, 30000), () -> {
                    if (sender.connected && sender.receiver == receiver && !joins(to)) {
                        lose(to);
                    }
                });
            }
        }
    }

    private boolean joins(int to) {
        return world.network().joins(Network.WAL, server.host, to);
    }

    // --- What they show ---

    /** The position that a connected standby has confirmed to have flushed; -1 if it is not connected. */
    long confirmedBy(String name) {
        int i = world.index(name);
        return i >= 0 ? confirmedBy(i) : -1;
    }

    long confirmedBy(int host) {
        return senders[host].connected ? senders[host].flush : -1;
    }

    int hosts() {
        return senders.length;
    }

    /** Rows of pg_stat_replication, as long as they go by these names. */
    List<LocalPostgres.Sender> rows(SyncNames names) {
        List<LocalPostgres.Sender> rows = new ArrayList<>(2);
        for (int i = 0; i < senders.length; i++) {
            if (senders[i].connected) {
                String name = world.name(i);
                Lsn flush = new Lsn(senders[i].flush);
                rows.add(new LocalPostgres.Sender(
                        name, "replicator", "", "streaming", names.state(this, name), 1, flush, flush, flush));
            }
        }
        return rows;
    }

    // --- WAL on its way ---

    void shipAll() {
        for (int i = 0; i < senders.length; i++) {
            if (senders[i].connected) {
                ship(i);
            }
        }
    }

    void ship(int to) {
        Sender sender = senders[to];
        if (sender.busy || !sender.connected || !server.alive()) {
            return;
        }
        if (!joins(to)) {
            return;
        }
        sender.busy = true;
        int receiver = sender.receiver;
        int mine = server.life;
        Timeline sentTimeline = server.data.timeline;
        long sentEnd = server.data.end;
        world.network().send(Network.WAL, server.host, to, () -> {
            SimPostgres standby = world.host(to).postgres();
            if (!standby.receiver.isServedBy(server.host, receiver) || !standby.standby() || standby.hung) {
                if (server.life == mine && sender.receiver == receiver) {
                    sender.busy = false;
                }
                return;
            }
            if (standby.diskFull) {
                standby.crash("could not write WAL: no space left on device");
                return;
            }
            standby.receiver.take(sentTimeline, sentEnd);
            long flushed = standby.data.end;
            boolean back = world.network().send(Network.WAL, to, server.host, () -> {
                if (server.life == mine && sender.receiver == receiver) {
                    sender.busy = false;
                    if (sender.connected) {
                        sender.flush = Math.max(sender.flush, flushed);
                        server.commits.release();
                        if (server.data.end > flushed) {
                            ship(to);
                        }
                    }
                }
            });
            if (!back && server.life == mine) {
                sender.busy = false;
            }
        });
    }

    /** A fast shutdown waits until connected standbys have the shutdown checkpoint. */
    void flush() {
        for (int i = 0; i < senders.length; i++) {
            SimPostgres standby = world.host(i).postgres();
            if (senders[i].connected && standby.streamsFrom(server.host) && joins(i) && !standby.diskFull) {
                standby.receiver.take(server.data.timeline, server.data.end);
            }
        }
    }
}
