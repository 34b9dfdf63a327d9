package dev.matriarch.agent;

import dev.matriarch.agent.certificates.OwnTls;
import dev.matriarch.agent.certificates.ShownCertificate;
import dev.matriarch.agent.config.ConfigProblems;
import dev.matriarch.agent.config.NodeConfig;
import dev.matriarch.agent.config.RaftConfig;
import dev.matriarch.agent.config.WitnessConfig;
import dev.matriarch.agent.log.Logging;
import dev.matriarch.agent.loop.RestSettingsOf;
import dev.matriarch.agent.loop.TlsWatch;
import dev.matriarch.agent.loop.Version;
import dev.matriarch.agent.service.ServiceNotes;
import dev.matriarch.raft.RaftStore;
import dev.matriarch.raft.RaftStoreSettings;
import dev.matriarch.raft.StoreStartException;
import dev.matriarch.rest.RestDoor;
import dev.matriarch.tls.LiveTls;
import dev.matriarch.tls.authority.OwnCertificate;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A peer of the built-in store on a host without PostgreSQL, which never holds the leader lock. {@code matriarch witness FILE}, for sites
 * with two data nodes: with its vote, the store goes on when one of them is lost. {@code matriarch listener FILE}, for routers and
 * dashboards: no vote, and answers over HTTP out of its copy.
 */
final class Witness {
    private static final Duration BEATS_WITHIN = Duration.ofSeconds(10);
    private static final int REFUSED = 1;
    private static final int BAD_CONFIGURATION = 2;

    /** How old a witness' copy may be when somebody asks for it; nobody does. */
    private static final Duration RETRY_TIMEOUT = Duration.ofSeconds(10);
    /** How long a listener may not have heard the Raft leader: longer than an election takes. */
    private static final Duration FRESH = Duration.ofSeconds(5);

    private static final long LONGEST_END_SECONDS = 10;

    private Witness() {}

    /** Until SIGTERM. @return the exit code */
    static int run(Path file) {
        try {
            return run(file, WitnessConfig.load(file, System.getenv()));
        } catch (ConfigProblems problems) {
            System.err.println(problems.getMessage());
            return BAD_CONFIGURATION;
        }
    }

    /** Until SIGTERM. @return the exit code */
    static int listen(Path file) {
        try {
            return run(file, WitnessConfig.loadListener(file, System.getenv()));
        } catch (ConfigProblems problems) {
            System.err.println(problems.getMessage());
            return BAD_CONFIGURATION;
        }
    }

    private static int run(Path file, WitnessConfig config) {
        Logging.configure(config.log());
        Logger log = LoggerFactory.getLogger(Witness.class);
        String kind = config.rest().isPresent() ? "listener" : "witness";
        log.info(
                "matriarch {} starts as the {} {} of cluster {}",
                Version.TEXT,
                kind,
                config.name(),
                config.storeName());
        CountDownLatch ended = new CountDownLatch(1);
        try {
            Optional<OwnCertificate> own = OwnTls.of(NodeConfig.of(config));
            Optional<LiveTls> tls = Certificates.open(config.tls(), own, log);
            Optional<TlsWatch> watch = tls.map(t -> new TlsWatch(t, own));
            try (RaftStore store = RaftStore.open(settings(config, file, tls), text -> log.debug("{}", text));
                    ServiceNotes service =
                            ServiceNotes.of(System.getenv(), config.raft().dataDir())) {
                new BuiltInPeers(store)
                        .answerWith(new ShownCertificate(
                                config.name(),
                                tls,
                                own,
                                () -> watch.ifPresent(w -> config.tls().ifPresent(w::reload))));
                config.raft().removeDeadPeersAfter().ifPresent(store::removeDeadPeersAfter);
                store.watchRoom(RaftStore.BALLAST_AFTER);
                config.raft()
                        .backup()
                        .ifPresent(
                                b -> store.keepBackups(new RaftStore.Backups(b.directory(), b.interval(), b.keep())));
                Optional<RestDoor> door = door(config, store);
                try {
                    return untilAsked(store, service, kind, ended, log);
                } finally {
                    door.ifPresent(RestDoor::close);
                }
            } finally {
                watch.ifPresent(TlsWatch::close);
            }
        } catch (StoreStartException | IOException e) {
            log.error("The {} cannot start: {}", kind, e.getMessage());
            System.err.println("matriarch: " + e.getMessage());
            return REFUSED;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return REFUSED;
        } finally {
            log.info("matriarch ends");
            Logging.end();
            ended.countDown();
        }
    }

    /** A listener has one. */
    private static Optional<RestDoor> door(WitnessConfig config, RaftStore store) throws IOException {
        if (config.rest().isEmpty()) {
            return Optional.empty();
        }
        StoreWindow window = new StoreWindow(config.storeName(), config.name(), store);
        return Optional.of(RestDoor.open(RestSettingsOf.config(config.rest().get()), window));
    }

    private static int untilAsked(RaftStore store, ServiceNotes service, String kind, CountDownLatch ended, Logger log)
            throws InterruptedException {
        CountDownLatch asked = new CountDownLatch(1);

        Runtime.getRuntime()
                .addShutdownHook(new Thread(
                        () -> {
                            asked.countDown();
                            try {
                                ended.await(LONGEST_END_SECONDS, TimeUnit.SECONDS);
                            } catch (InterruptedException e) {
                                Thread.currentThread().interrupt();
                            }
                        },
                        "shutdown"));
        String before = "";
        while (!asked.await(1, TimeUnit.SECONDS)) {
            service.beat(BEATS_WITHIN, "a " + kind + "; " + before);
            String now = store.dcs().health().split(":", 2)[0];
            if (!now.equals(before)) {
                before = now;
                log.info("Store: {}", store.dcs().health());
            }
        }
        service.stopping("asked to end");
        return 0;
    }

    private static RaftStoreSettings settings(WitnessConfig config, Path file, Optional<LiveTls> tls) {
        RaftConfig raft = config.raft();
        boolean listener = config.rest().isPresent();
        return new RaftStoreSettings(
                config.storeName(),
                config.name(),
                raft.dataDir(),
                config.stateDir(),
                raft.selfAddress().toString(),
                raft.bindAddress().toString(),
                raft.partners().stream().map(Object::toString).toList(),
                raft.electionTimeoutMin(),
                raft.electionTimeoutMax(),
                () -> listener ? FRESH : RETRY_TIMEOUT,
                file.toString(),
                tls,
                listener);
    }
}
