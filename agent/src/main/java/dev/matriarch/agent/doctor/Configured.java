package dev.matriarch.agent.doctor;

import dev.matriarch.agent.config.AgentConfig;
import dev.matriarch.agent.config.ConfigProblems;
import dev.matriarch.agent.config.ConfigSource;
import dev.matriarch.agent.config.ConsulConfig;
import dev.matriarch.agent.config.DynamicConfigJson;
import dev.matriarch.agent.config.EtcdConfig;
import dev.matriarch.agent.config.KubernetesConfig;
import dev.matriarch.agent.config.Problem;
import dev.matriarch.agent.config.RaftConfig;
import dev.matriarch.agent.config.RestConfig;
import dev.matriarch.agent.config.StoreConfig;
import dev.matriarch.agent.config.ZooKeeperConfig;
import dev.matriarch.agent.postgres.ServerReport;
import dev.matriarch.agent.rpc.LocalAgent;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.proto.control.v1.ConfigurationFacts;
import dev.matriarch.proto.control.v1.DoorFacts;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.regex.Pattern;

/** What this member's configuration says: what of it is not in force, what should be alike on all members, which doors it opens. */
final class Configured {
    static final String PARTNERS = "raft.partner_addrs";

    private static final List<String> TOLD_PARAMETERS = List.of(
            "max_wal_senders",
            "max_replication_slots",
            "max_connections",
            "wal_level",
            "fsync",
            "full_page_writes",
            "synchronous_commit",
            "archive_mode");

    /** What stands there and is no YAML may be a part of a password. */
    private static final Pattern NOT_YAML = Pattern.compile("(is not YAML, near line \\d+).*", Pattern.DOTALL);

    private final LocalAgent agent;
    private final Own own;

    Configured(LocalAgent agent, Own own) {
        this.agent = agent;
        this.own = own;
    }

    /** May take as long as reading the file does. */
    ConfigurationFacts facts(AgentConfig config) {
        ConfigurationFacts.Builder facts = ConfigurationFacts.newBuilder()
                .setSource(own.source().file().map(Object::toString).orElse("environment"));
        try {
            ConfigSource.Reload preview = own.source().preview();
            facts.addAllNotLoaded(preview.taken());
            // The list of peers is the store's; a changed file is for the day on which this host loses its disk.
            preview.needRestart().stream().filter(key -> !key.equals(PARTNERS)).forEach(facts::addNeedRestart);
        } catch (ConfigProblems e) {
            e.problems().stream()
                    .map(Problem::text)
                    .map(text -> NOT_YAML.matcher(text).replaceFirst("$1"))
                    .forEach(facts::addProblems);
        }
        Own.InForce now = own.settings().get();
        facts.addAllNotUsed(now.notUsed()).setRewind(now.rewind());
        own.source()
                .current()
                .ignoredParameters()
                .forEach(name -> facts.addNotUsed("the file's postgresql.parameters." + name
                        + " is ignored: every member needs the same value, so only the cluster-wide one counts"));
        for (String name : TOLD_PARAMETERS) {
            Optional.ofNullable(now.parameters().get(name)).ifPresent(value -> facts.putParameters(name, value));
        }
        for (String name : List.of("archive_command", "archive_library")) {
            // It may hold a password; whether there is one is enough.
            Optional.ofNullable(now.parameters().get(name))
                    .filter(value -> !value.isBlank())
                    .ifPresent(value -> facts.putParameters(name, "set"));
        }
        config.watchdogProblem(agent.dynamicConfig()).ifPresent(facts::addMisfits);
        agent.view()
                .flatMap(ClusterView::config)
                .map(c -> DynamicConfigJson.parse(c.value()))
                .flatMap(timing -> config.store().timingProblem(timing))
                .ifPresent(facts::addMisfits);
        return facts.putAllCommon(common(config)).build();
    }

    /** What the members' files should say alike. No secrets. */
    private static Map<String, String> common(AgentConfig config) {
        Map<String, String> common = new TreeMap<>();
        common.put("namespace", config.namespace());
        common.put("tls", config.tls().isPresent() ? "on" : "off");
        common.put("restapi over TLS", config.rest().tls().isPresent() ? "on" : "off");
        common.put("restapi.authentication", config.rest().authentication().isPresent() ? "set" : "not set");
        common.put("watchdog.mode", config.watchdog().mode().name().toLowerCase(Locale.ROOT));
        common.put(
                "postgresql.authentication.superuser.username",
                config.postgres().superuser().username());
        common.put(
                "postgresql.authentication.replication.username",
                config.postgres().replication().username());
        config.citus().ifPresent(citus -> common.put("citus.group", Integer.toString(citus.group())));
        switch (config.store()) {
            case RaftConfig raft -> {
                common.put("store", kind(raft));
                // Not the addresses: peers come and go while the files stay as they are.
                common.put(
                        "raft.min_timeout and max_timeout",
                        raft.electionTimeoutMin().toMillis() + " and "
                                + raft.electionTimeoutMax().toMillis() + " ms");
            }
            case EtcdConfig etcd -> common.put("store", kind(etcd));
            case ZooKeeperConfig zoo -> common.put("store", kind(zoo));
            case KubernetesConfig kubernetes -> {
                common.put("store", kind(kubernetes));
                common.put("kubernetes.namespace", kubernetes.namespace());
                common.put("kubernetes.use_endpoints", Boolean.toString(kubernetes.useEndpoints()));
                common.put("kubernetes.scope_label", kubernetes.scopeLabel());
            }
            case ConsulConfig consul -> {
                common.put("store", kind(consul));
                consul.datacenter().ifPresent(dc -> common.put("consul.dc", dc));
            }
        }
        return common;
    }

    static String kind(StoreConfig store) {
        return switch (store) {
            case RaftConfig raft -> "raft";
            case EtcdConfig etcd -> etcd.api().section();
            case ConsulConfig consul -> "consul";
            case ZooKeeperConfig zoo -> "zookeeper";
            case KubernetesConfig kubernetes -> "kubernetes";
        };
    }

    /** @param report empty: the server does not answer */
    static List<DoorFacts> doors(AgentConfig config, Optional<ServerReport> report) {
        List<DoorFacts> doors = new ArrayList<>();
        RestConfig rest = config.rest();
        doors.add(DoorFacts.newBuilder()
                .setDoor("rest")
                .setListen(rest.listen().toString())
                .setTls(rest.tls().isPresent())
                .setPassword(rest.authentication().isPresent()
                        || !rest.guests().allowlist().isEmpty()
                        || rest.guests().members()
                        || rest.tls()
                                .filter(t -> t.verifyClient() != RestConfig.VerifyClient.NONE)
                                .isPresent())
                .setLoopback(isLoopback(rest.listen().host()))
                .build());
        doors.add(DoorFacts.newBuilder()
                .setDoor("control")
                .setListen(config.control().listen().toString())
                .setTls(config.tls().isPresent())
                .setLoopback(isLoopback(config.control().listen().host()))
                .build());
        config.builtIn()
                .ifPresent(raft -> doors.add(DoorFacts.newBuilder()
                        .setDoor("store")
                        .setListen(raft.bindAddress().toString())
                        .setTls(config.tls().isPresent())
                        .setLoopback(isLoopback(raft.bindAddress().host()))
                        .build()));
        doors.add(DoorFacts.newBuilder()
                .setDoor("postgresql")
                .setListen(String.join(",", config.postgres().listenHosts()) + ":"
                        + config.postgres().port())
                .setTls(report.map(ServerReport::tls).orElse(false))
                .setPassword(true)
                .setLoopback(config.postgres().listenHosts().stream().allMatch(Configured::isLoopback))
                .build());
        return doors;
    }

    /** Of an address as it is written; a name is not looked up. */
    private static boolean isLoopback(String listen) {
        return listen.startsWith("127.") || listen.equals("::1") || listen.equals("localhost");
    }
}
