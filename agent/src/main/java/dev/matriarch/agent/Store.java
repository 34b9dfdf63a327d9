package dev.matriarch.agent;

import dev.matriarch.agent.certificates.StorePeers;
import dev.matriarch.agent.config.AgentConfig;
import dev.matriarch.agent.config.ConsulConfig;
import dev.matriarch.agent.config.DynamicConfigJson;
import dev.matriarch.agent.config.EtcdConfig;
import dev.matriarch.agent.config.KubernetesConfig;
import dev.matriarch.agent.config.RaftConfig;
import dev.matriarch.agent.config.StoreConfig;
import dev.matriarch.agent.config.ZooKeeperAccess;
import dev.matriarch.agent.config.ZooKeeperConfig;
import dev.matriarch.agent.join.JoinStore;
import dev.matriarch.consul.ConsulDcs;
import dev.matriarch.consul.ConsulSettings;
import dev.matriarch.dcs.Dcs;
import dev.matriarch.dcs.http.TlsFiles;
import dev.matriarch.etcd.EtcdDcs;
import dev.matriarch.etcd.EtcdSettings;
import dev.matriarch.etcd.EtcdV2Dcs;
import dev.matriarch.kubernetes.KubernetesDcs;
import dev.matriarch.kubernetes.KubernetesSettings;
import dev.matriarch.raft.RaftStore;
import dev.matriarch.raft.RaftStoreSettings;
import dev.matriarch.raft.StoreStartException;
import dev.matriarch.tls.LiveTls;
import dev.matriarch.zookeeper.ZooKeeperDcs;
import dev.matriarch.zookeeper.ZooKeeperSettings;
import io.grpc.BindableService;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.slf4j.Logger;

/**
 * The store that this agent's configuration asks for. Classes of the others are not loaded.
 *
 * @param reconfigured is told of each changed local configuration
 * @param services of the control port that only this store has
 * @param joining where tokens for new members are kept, if it can keep them
 * @param peers of the store, if it has any
 * @param closing ends it
 */
record Store(
        Dcs dcs,
        Consumer<StoreConfig> reconfigured,
        List<BindableService> services,
        Optional<JoinStore> joining,
        Optional<StorePeers> peers,
        Runnable closing)
        implements AutoCloseable {

    /** @param file where the configuration comes from, for people */
    static Store open(AgentConfig config, String file, Optional<LiveTls> tls, Logger log)
            throws StoreStartException, IOException {
        return switch (config.store()) {
            case RaftConfig raft -> BuiltIn.open(config, raft, file, tls, log);
            case EtcdConfig etcd -> Etcd.open(config, etcd, log);
            case ConsulConfig consul -> Consul.open(config, consul, log);
            case ZooKeeperConfig zoo -> Zoo.open(config, zoo, log);
            case KubernetesConfig kubernetes -> Kubernetes.open(config, kubernetes, System.getenv(), log);
        };
    }

    void reconfigure(StoreConfig changed) {
        reconfigured.accept(changed);
    }

    @Override
    public void close() {
        closing.run();
    }

    /** A class of its own, so that the JVM loads Ratis only where it is used. */
    private static final class BuiltIn {
        static Store open(AgentConfig config, RaftConfig raft, String file, Optional<LiveTls> tls, Logger log)
                throws StoreStartException {
            Duration retryTimeout =
                    DynamicConfigJson.parse(config.bootstrap().dcsJson()).retryTimeout();
            RaftStore store = RaftStore.open(
                    new RaftStoreSettings(
                            config.storeName(),
                            config.name(),
                            raft.dataDir(),
                            config.stateDir(),
                            raft.selfAddress().toString(),
                            raft.bindAddress().toString(),
                            raft.partners().stream().map(Object::toString).toList(),
                            raft.electionTimeoutMin(),
                            raft.electionTimeoutMax(),
                            () -> retryTimeout,
                            file,
                            tls),
                    text -> log.debug("{}", text));
            raft.removeDeadPeersAfter().ifPresent(store::removeDeadPeersAfter);
            store.watchRoom(RaftStore.BALLAST_AFTER);
            raft.backup()
                    .ifPresent(b -> store.keepBackups(new RaftStore.Backups(b.directory(), b.interval(), b.keep())));
            return new Store(
                    store.dcs(),
                    changed -> {},
                    List.of(new StoreEndpoint(config.scope(), store.group())),
                    Optional.of(new BuiltInTokens(store)),
                    Optional.of(new BuiltInPeers(store)),
                    store::close);
        }
    }

    private static final class Etcd {
        static Store open(AgentConfig config, EtcdConfig etcd, Logger log) throws IOException {
            EtcdSettings settings = settings(config, etcd);
            log.info(
                    "The cluster's keys are in etcd, under {}{}",
                    settings.base(),
                    etcd.api() == EtcdConfig.Api.V2 ? ", by its v2 API" : "");
            return switch (etcd.api()) {
                case V2 -> openV2(settings);
                case V3 -> openV3(settings);
            };
        }

        private static Store openV2(EtcdSettings settings) throws IOException {
            EtcdV2Dcs dcs = new EtcdV2Dcs(settings);
            return new Store(
                    dcs,
                    changed -> login(changed, dcs::login),
                    List.of(),
                    Optional.empty(),
                    Optional.empty(),
                    dcs::close);
        }

        private static Store openV3(EtcdSettings settings) throws IOException {
            EtcdDcs dcs = new EtcdDcs(settings);
            return new Store(
                    dcs,
                    changed -> login(changed, dcs::login),
                    List.of(),
                    Optional.empty(),
                    Optional.empty(),
                    dcs::close);
        }

        private static void login(StoreConfig changed, Consumer<Optional<EtcdSettings.Login>> to) {
            if (changed instanceof EtcdConfig etcd) {
                to.accept(login(etcd));
            }
        }

        private static EtcdSettings settings(AgentConfig config, EtcdConfig etcd) {
            return new EtcdSettings(
                    EtcdSettings.base(config.namespace(), config.storePath()),
                    etcd.addresses(),
                    etcd.srv().map(domain -> new EtcdSettings.Discovery(domain, etcd.srvSuffix())),
                    etcd.proxies(),
                    login(etcd),
                    new TlsFiles(etcd.cacert(), etcd.cert(), etcd.key(), etcd.keyPassword()));
        }

        private static Optional<EtcdSettings.Login> login(EtcdConfig etcd) {
            return etcd.login().map(l -> new EtcdSettings.Login(l.username(), l.password()));
        }
    }

    private static final class Consul {
        static Store open(AgentConfig config, ConsulConfig consul, Logger log) throws IOException {
            ConsulSettings settings = new ConsulSettings(
                    ConsulSettings.base(config.namespace(), config.storePath()),
                    config.scope(),
                    config.name(),
                    consul.address(),
                    new TlsFiles(consul.cacert(), consul.cert(), consul.key()),
                    consul.verify(),
                    consul.checks(),
                    new ConsulSettings.Service(consul.serviceCheckInterval(), consul.serviceCheckTlsServerName()),
                    changeable(consul));
            log.info("The cluster's keys are in Consul, under {}", settings.base());
            ConsulDcs dcs = new ConsulDcs(settings);
            return new Store(
                    dcs,
                    changed -> {
                        if (changed instanceof ConsulConfig c) {
                            dcs.change(changeable(c));
                        }
                    },
                    List.of(),
                    Optional.empty(),
                    Optional.empty(),
                    dcs::close);
        }

        private static ConsulSettings.Changeable changeable(ConsulConfig consul) {
            return new ConsulSettings.Changeable(
                    consul.token(),
                    consul.datacenter(),
                    ConsulSettings.Consistency.valueOf(consul.consistency().toUpperCase(Locale.ROOT)),
                    consul.registerService(),
                    consul.serviceTags());
        }
    }

    private static final class Zoo {
        static Store open(AgentConfig config, ZooKeeperConfig zoo, Logger log) throws IOException {
            ZooKeeperSettings settings = new ZooKeeperSettings(
                    ZooKeeperSettings.base(config.namespace(), config.storePath()),
                    zoo.servers(),
                    zoo.exhibitor().map(e -> new ZooKeeperSettings.Exhibitor(e.addresses(), e.interval())),
                    access(zoo.access()));
            log.info("The cluster's keys are in ZooKeeper, under {}", settings.base());
            ZooKeeperDcs dcs = new ZooKeeperDcs(settings);
            return new Store(dcs, changed -> {}, List.of(), Optional.empty(), Optional.empty(), dcs::close);
        }

        private static ZooKeeperSettings.Access access(ZooKeeperAccess access) {
            return new ZooKeeperSettings.Access(
                    access.tls()
                            .map(t -> new ZooKeeperSettings.Tls(
                                    t.verify(), t.cacert(), t.cert(), t.key(), t.keyPassword())),
                    access.grants().stream()
                            .map(g -> new ZooKeeperSettings.Grant(
                                    g.scheme(),
                                    g.id(),
                                    g.rights().stream()
                                            .map(ZooKeeperSettings.Right::valueOf)
                                            .collect(Collectors.toSet())))
                            .toList(),
                    access.credentials());
        }
    }

    /** A class of its own, so that the JVM loads Kubernetes' client only where it is used. */
    private static final class Kubernetes {
        private static final Path ACCOUNT = Path.of("/var/run/secrets/kubernetes.io/serviceaccount");

        static Store open(AgentConfig config, KubernetesConfig kubernetes, Map<String, String> environment, Logger log)
                throws IOException {
            KubernetesSettings settings = new KubernetesSettings(
                    access(kubernetes, environment),
                    kubernetes.namespace(),
                    config.scope(),
                    config.citus().map(c -> c.group()),
                    config.name(),
                    kubernetes.labels(),
                    kubernetes.scopeLabel(),
                    new KubernetesSettings.Roles(
                            kubernetes.roleLabel(),
                            kubernetes.leaderLabelValue(),
                            kubernetes.followerLabelValue(),
                            kubernetes.standbyLeaderLabelValue(),
                            kubernetes.tmpRoleLabel()),
                    kubernetes.bootstrapLabels(),
                    kubernetes.useEndpoints()
                            ? Optional.of(new KubernetesSettings.LeaderEndpoints(
                                    kubernetes.podIp(),
                                    kubernetes.ports().stream()
                                            .map(p -> new KubernetesSettings.Port(p.port(), p.name(), p.protocol()))
                                            .toList()))
                            : Optional.empty(),
                    kubernetes.bypassApiService(),
                    kubernetes.retriableHttpCodes());
            log.info(
                    "The cluster's state is in {} of Kubernetes, in namespace {}",
                    kubernetes.useEndpoints() ? "Endpoints" : "ConfigMaps",
                    settings.namespace());
            KubernetesDcs dcs = new KubernetesDcs(settings);
            return new Store(dcs, changed -> {}, List.of(), Optional.empty(), Optional.empty(), dcs::close);
        }

        /** As Patroni: a pod's service account, else kubectl's file. */
        private static KubernetesSettings.Access access(KubernetesConfig kubernetes, Map<String, String> environment) {
            String host = environment.getOrDefault("KUBERNETES_SERVICE_HOST", "");
            String port = environment.getOrDefault(
                    "KUBERNETES_SERVICE_PORT_HTTPS", environment.getOrDefault("KUBERNETES_SERVICE_PORT", "443"));
            if (host.isEmpty() || !Files.isReadable(ACCOUNT.resolve("token"))) {
                return new KubernetesSettings.KubeConfig(kubernetes.context(), kubernetes.cacert());
            }
            return new KubernetesSettings.ServiceAccount(
                    URI.create("https://" + (host.contains(":") ? "[" + host + "]" : host) + ":" + port + "/"),
                    ACCOUNT.resolve("token"),
                    Optional.of(kubernetes.cacert().orElse(ACCOUNT.resolve("ca.crt"))));
        }
    }
}
