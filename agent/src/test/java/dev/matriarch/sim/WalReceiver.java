package dev.matriarch.sim;

/** The WAL receiver process of a standby: whom it connects to, and what it takes from there. */
final class WalReceiver {
    private final World world;
    private final SimPostgres server;
    private final Rng rng;
    private int connectedTo = -1;
    private long received;
    /** Everything that was planned for an earlier receiver is void. */
    private int life;

    WalReceiver(World world, SimPostgres server, Rng rng) {
        this.world = world;
        this.server = server;
        this.rng = rng;
    }

    /** The server starts. */
    void reset() {
        received = 0;
        connectedTo = -1;
    }

    boolean isConnected() {
        return connectedTo >= 0;
    }

    boolean isConnectedTo(int host) {
        return connectedTo == host;
    }

    boolean isServedBy(int host, int receiver) {
        return connectedTo == host && life == receiver;
    }

    long received() {
        return received;
    }

    /** The upstream has been configured, and is another one if it is not who this one is connected to. */
    void follow(int upstream) {
        if (server.standby() && connectedTo != upstream) {
            if (connectedTo >= 0) {
                world.host(connectedTo).postgres().senders.drop(server.host);
            }
            disconnect();
            if (server.localWalDone) {
                connectSoon(rng.millis(5, 100));
            }
        }
    }

    void disconnect() {
        if (connectedTo >= 0) {
            world.host(connectedTo).postgres().senders.drop(server.host, life);
        }
        connectedTo = -1;
        life++;
    }

    void lostUpstream(int who) {
        if (connectedTo == who) {
            connectedTo = -1;
            life++;
            connectSoon(rng.millis(100, 2000));
        }
    }

    void connectSoon(long nanos) {
        int serverLife = server.life;
        int mine = ++life;
        world.events().after(nanos, () -> {
            if (server.life == serverLife
                    && mine == life
                    && server.standby()
                    && server.data.upstream >= 0
                    && connectedTo < 0) {
                if (!connect()) {
                    connectSoon(rng.millis(900, 2500));
                }
            }
        });
    }

    /** What a WAL receiver and PostgreSQL's checks of timelines do. They compare numbers and positions, not contents. */
    private boolean connect() {
        int upstream = server.data.upstream;
        SimPostgres source = world.host(upstream).postgres();
        SimDataDirectory own = server.data;
        boolean answers = upstream != server.host
                && source.running()
                && !server.hung
                && !server.diskFull
                && world.network().joins(Network.WAL, server.host, upstream)
                && source.data.systemIdentifier.equals(own.systemIdentifier);
        if (!answers || source.data.timeline.number < own.timeline.number) {
            return false;
        }
        own.knownTimeline = Math.max(own.knownTimeline, source.data.timeline.number);
        long limit = source.data.timeline.leaves(own.timeline.number, source.data.end);
        if (limit < 0 || own.end > limit) {
            return false;
        }
        world.judge().streams(server, source);
        connectedTo = upstream;
        received = own.end;
        source.senders.serve(server.host, life, own.end);
        server.trace(() -> "streams from " + world.name(upstream) + " at " + own.place());
        source.commits.release();
        source.senders.ship(server.host);
        return true;
    }

    /** WAL of that branch up to there has come; it is flushed and replayed at once, and passed on. */
    void take(Timeline sentTimeline, long sentEnd) {
        SimDataDirectory own = server.data;
        if (sentEnd > own.end || sentTimeline != own.timeline) {
            own.timeline = sentTimeline;
            own.end = Math.max(sentEnd, own.end);
            server.replayed = own.end;
            received = own.end;
            own.knownTimeline = Math.max(own.knownTimeline, own.timeline.number);
            server.senders.shipAll();
        }
    }
}
