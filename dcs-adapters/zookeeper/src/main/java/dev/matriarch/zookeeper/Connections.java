package dev.matriarch.zookeeper;

import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.http.Addresses;
import dev.matriarch.dcs.http.Budget;
import dev.matriarch.dcs.http.Contact;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.apache.curator.ensemble.fixed.FixedEnsembleProvider;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.retry.RetryNTimes;
import org.apache.curator.utils.ZookeeperFactory;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.Watcher;
import org.apache.zookeeper.Watcher.Event.KeeperState;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.client.ZKClientConfig;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The connection that stays: for reads, for what depends on no session, and for watches. No key of a cluster ends with it. */
final class Connections implements AutoCloseable {
    /** A server that says nothing is given up after two thirds of it; what a new ensemble has forgotten, after the whole. */
    private static final Duration SESSION = Duration.ofSeconds(6);

    private static final Logger LOG = LoggerFactory.getLogger(Connections.class);
    private static final long RETRY_PAUSE_MILLIS = 100;

    private final Addresses servers;
    private final Entrance entrance;
    private final Line line;
    private final InOrder hosts;
    private final CuratorFramework curator;
    /** A client whose credentials were rejected has ended, and Curator goes on with it. */
    private volatile boolean rejected;

    private final Contact contact = new Contact("ZooKeeper");

    /** @throws IOException if the connection cannot be prepared on this host */
    Connections(Addresses servers, Entrance entrance) throws IOException {
        this.servers = servers;
        this.entrance = entrance;
        line = entrance.line(servers);
        hosts = line.hosts();
        curator = CuratorFrameworkFactory.builder()
                .ensembleProvider(new FixedEnsembleProvider(connectString(servers.inOrder()), false))
                .ensembleTracker(false)
                .zookeeperFactory(new ZookeeperFactory() {
                    @Override
                    public ZooKeeper newZooKeeper(String all, int millis, Watcher watcher, boolean readOnly)
                            throws IOException {
                        return newZooKeeper(all, millis, watcher, readOnly, entrance.config());
                    }

                    @Override
                    public ZooKeeper newZooKeeper(
                            String all, int millis, Watcher watcher, boolean readOnly, ZKClientConfig how)
                            throws IOException {
                        return new Client(all, millis, watcher, readOnly, how);
                    }
                })
                .sessionTimeoutMs((int) SESSION.toMillis())
                .connectionTimeoutMs((int) SESSION.toMillis())
                .retryPolicy(new RetryNTimes(0, 0))
                .zkClientConfig(entrance.config())
                .build();
        curator.start();
    }

    @SuppressWarnings("try") // Curator closes it.
    private final class Client extends ZooKeeper {
        Client(String all, int millis, Watcher watcher, boolean readOnly, ZKClientConfig how) throws IOException {
            super(
                    all,
                    millis,
                    event -> {
                        if (event.getState() == KeeperState.AuthFailed) {
                            rejected = true;
                        }
                        watcher.process(event);
                    },
                    readOnly,
                    hosts,
                    how);
            line.isOf(this::testableLocalSocketAddress);
            entrance.introduce(this);
        }
    }

    static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static String connectString(List<URI> servers) {
        return servers.isEmpty()
                ? "nobody.invalid"
                : servers.stream().map(URI::getAuthority).collect(Collectors.joining(","));
    }

    CuratorFramework curator() {
        return curator;
    }

    Entrance entrance() {
        return entrance;
    }

    /** What is asked over the connection that stays; asked again if it may be and the connection breaks. */
    interface Question<T> {
        T ask(Requests requests, Budget budget) throws KeeperException, DcsException;
    }

    /** For what does no harm if it is done twice. A server that says nothing has its share of the time and not all of it. */
    <T> T repeat(Budget budget, Question<T> question) throws DcsException, KeeperException {
        while (true) {
            try {
                return once(budget, budget.share(hosts.size()), question);
            } catch (KeeperException e) {
                if (!Requests.isUnknown(e)) {
                    throw e;
                }
                if (budget.left().toMillis() <= RETRY_PAUSE_MILLIS) {
                    throw Requests.refused(e);
                }
                pause();
            }
        }
    }

    <T> T once(Budget budget, Question<T> question) throws DcsException, KeeperException {
        return once(budget, budget.left(), question);
    }

    private <T> T once(Budget budget, Duration atMost, Question<T> question) throws DcsException, KeeperException {
        Optional<URI> asked = Optional.empty();
        try {
            beginAnewIfRejected();
            if (!curator.blockUntilConnected((int) Math.max(1, budget.left().toMillis()), TimeUnit.MILLISECONDS)) {
                if (servers.inOrder().isEmpty()) {
                    throw new DcsException("Exhibitor has named no server of ZooKeeper yet");
                }
                throw new DcsException("no server of ZooKeeper answers at " + connectString(servers.inOrder())
                        + " in time"
                        + entrance.trouble(servers.inOrder()).map(t -> ": " + t).orElse(""));
            }
            asked = hosts.current();
            Budget attempt = new Budget(min(atMost, budget.left()));
            T answer = question.ask(new Requests(curator.getZookeeperClient().getZooKeeper(), entrance), attempt);
            contact.answered();
            return answer;
        } catch (KeeperException e) {
            if (Requests.isUnknown(e)) {
                contact.failed(Requests.refused(e).getMessage());
                if (e.code() == KeeperException.Code.OPERATIONTIMEOUT) {
                    asked.ifPresent(this::leave);
                }
            } else {
                contact.answered();
            }
            throw e;
        } catch (DcsException e) {
            contact.failed(e.getMessage());
            throw e;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new DcsException("interrupted while asking ZooKeeper", e);
        } catch (Exception e) {
            contact.failed(e.toString());
            throw new DcsException("ZooKeeper could not be asked: " + e.getMessage(), e);
        }
    }

    private void beginAnewIfRejected() throws Exception {
        if (rejected) {
            rejected = false;
            curator.getZookeeperClient().reset();
        }
    }

    private static Duration min(Duration one, Duration other) {
        return one.compareTo(other) < 0 ? one : other;
    }

    /** From now on these are ZooKeeper's servers, and nobody else is asked. */
    void servers(List<URI> named) {
        servers.replace(named);
        hosts.current().filter(at -> !named.contains(at)).ifPresent(this::goOnElsewhere);
    }

    /** It may go on answering pings and nothing else: the session goes on at another one. */
    private void leave(URI server) {
        if (servers.inOrder().size() < 2 || !hosts.current().equals(Optional.of(server))) {
            return;
        }
        servers.failed(server);
        goOnElsewhere(server);
    }

    private void goOnElsewhere(URI server) {
        Thread.ofVirtual().start(() -> {
            try {
                curator.getZookeeperClient().getZooKeeper().updateServerList(connectString(servers.inOrder()));
            } catch (Exception alreadyLeft) {
                LOG.debug("{} was left already: {}", server, alreadyLeft.toString());
            }
        });
    }

    static void pause() throws DcsException {
        try {
            Thread.sleep(RETRY_PAUSE_MILLIS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new DcsException("interrupted while asking ZooKeeper", e);
        }
    }

    Contact contact() {
        return contact;
    }

    @Override
    public void close() {
        curator.close();
        line.close();
    }
}
