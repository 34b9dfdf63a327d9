package dev.matriarch.etcd;

import dev.matriarch.dcs.contract.ExternalStore;
import dev.matriarch.dcs.http.Budget;
import java.time.Duration;

/** A cluster on an etcd of one server, whichever of its APIs it is asked by. */
abstract class OneServer implements ExternalStore {
    private final EtcdServers server;

    OneServer(EtcdServers server) {
        this.server = server;
    }

    static Budget budget() {
        return new Budget(Duration.ofSeconds(10));
    }

    @Override
    public Duration ttl() {
        return Duration.ofSeconds(3);
    }

    @Override
    public Duration expiresWithin() {
        return Duration.ofSeconds(3);
    }

    @Override
    public void freeze() throws Exception {
        server.signalAll("STOP");
    }

    @Override
    public void thaw() throws Exception {
        server.signalAll("CONT");
    }

    @Override
    public void wipe() throws Exception {
        server.wipe();
    }
}
