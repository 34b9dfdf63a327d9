package dev.matriarch.agent.config;

import dev.matriarch.agent.config.AgentConfig.ControlConfig;
import dev.matriarch.agent.config.AgentConfig.Credentials;
import dev.matriarch.agent.ha.StandbyNames;
import dev.matriarch.agent.log.LogConfig;
import dev.matriarch.tls.TlsFiles;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Stream;

/** Reads the local configuration, from top to bottom, in one pass that finds every problem. */
public final class ConfigFile {
    static final int REST_PORT = 8008;
    private static final String RAFT_PASSWORD =
            "is refused: a shared password does not protect the members' traffic here."
                    + " Remove it. Certificates (section tls) protect it, and the control port, with mutual TLS";
    private static final String NO_POOL =
            "has no meaning here: threads are made as they are needed, and their stacks are the JVM's"
                    + " (MATRIARCH_JAVA_OPTS=-Xss…); remove it";
    private static final String OTHER_LIBRARY =
            "belongs to the library that Patroni's raft is made with; here min_timeout and max_timeout say how soon a"
                    + " silent peer is noticed: remove it";
    private static final String NO_WITNESS =
            "has no meaning for a witness, which has a vote in the store and nothing else: it takes scope, name, raft, tls"
                    + " and log. Remove it";
    private static final String NO_LISTENER =
            "has no meaning for a listener, which follows the store and nothing else: it takes scope, name, raft, restapi,"
                    + " tls and log. Remove it";
    private static final String NO_ORDERS = "has no meaning for a listener, which takes no orders: remove it";
    private static final String NO_PAGE = "has no meaning for a listener: the status page is a member's. Remove it";

    private final Findings findings;
    private final Section root;
    private final Optional<String> wantedStore;

    private ConfigFile(Sources sources) {
        wantedStore = sources.store();
        findings = new Findings(sources::origin);
        root = new Section(findings, "", sources.tree());
    }

    /**
     * Reads a YAML file, or all {@code *.yml} files of a directory over each other, and lays the {@code PATRONI_*}
     * variables over them.
     *
     * @param environment of the process
     * @throws ConfigProblems with every problem found; nothing was changed anywhere
     */
    public static AgentConfig load(Path file, Map<String, String> environment) throws ConfigProblems {
        return LocalConfig.read(Optional.of(file), environment).config();
    }

    /** Reads for what there is to find only. */
    static Findings examine(Sources sources) {
        ConfigFile config = new ConfigFile(sources);
        config.read();
        return config.findings;
    }

    /** @param result what was read, if nothing is wrong with it */
    record Reading(AgentConfig result, List<Setting> settings) {}

    static Reading read(Sources sources) throws ConfigProblems {
        ConfigFile config = new ConfigFile(sources);
        Optional<AgentConfig> result = config.read();
        sources.unfinished().stream()
                .distinct()
                .forEach(key -> config.findings.add(key, "still says " + Sources.TO_DO + ": fill it in"));
        List<Problem> problems = config.findings.problems();
        if (!problems.isEmpty()) {
            throw new ConfigProblems(problems);
        }
        return new Reading(result.orElseThrow(), config.findings.declared());
    }

    static WitnessConfig readWitness(Sources sources) throws ConfigProblems {
        return readPeer(sources, ConfigFile::witness);
    }

    static WitnessConfig readListener(Sources sources) throws ConfigProblems {
        return readPeer(sources, ConfigFile::listener);
    }

    private static WitnessConfig readPeer(Sources sources, Function<ConfigFile, Optional<WitnessConfig>> kind)
            throws ConfigProblems {
        ConfigFile config = new ConfigFile(sources);
        Optional<WitnessConfig> result = kind.apply(config);
        List<Problem> problems = config.findings.problems();
        if (!problems.isEmpty()) {
            throw new ConfigProblems(problems);
        }
        return result.orElseThrow();
    }

    /** Of a member, or of a witness or a listener if there is no PostgreSQL; with or without the certificates that are named. */
    static NodeConfig readNode(Sources sources) throws ConfigProblems {
        ConfigFile config = new ConfigFile(sources);
        Optional<NodeConfig> result = sources.tree().has("postgresql")
                ? config.read().map(NodeConfig::of)
                : (sources.tree().has("restapi") ? config.listener() : config.witness()).map(NodeConfig::of);
        List<Problem> problems = NodeConfig.besidesMissingCertificates(config.findings.problems());
        if (!problems.isEmpty()) {
            throw new ConfigProblems(problems);
        }
        return result.orElseThrow();
    }

    private Optional<WitnessConfig> witness() {
        root.refuse(NO_WITNESS, "restapi");
        return peer(NO_WITNESS, "this witness' name, unlike that of every member", Optional.empty());
    }

    private Optional<WitnessConfig> listener() {
        Optional<RestConfig> rest = listenersDoor();
        Optional<WitnessConfig> read =
                peer(NO_LISTENER, "this listener's name, unlike that of every member and witness", rest);
        if (read.isPresent() && read.get().raft().partners().isEmpty()) {
            findings.add(
                    "raft.partner_addrs",
                    "is missing: a listener forms no store, so name the peers of the one that it is to follow");
        }
        return rest.isPresent() ? read : Optional.empty();
    }

    private Optional<RestConfig> listenersDoor() {
        Section s = root.sectionOrEmpty("restapi")
                .refuse(NO_ORDERS, "authentication", "allowlist", "allowlist_include_members")
                .refuse(NO_PAGE, "ui")
                .refuseExcept("thread_pool_size", "5", NO_POOL);
        Optional<HostPort> listen = s.address("listen", REST_PORT);
        if (!s.has("listen")) {
            findings.add(s.key("listen"), "is missing: the address for those who ask, such as 10.0.0.4:8008");
        }
        Optional<HostPort> connect =
                s.has("connect_address") ? s.reachableAddress("connect_address", REST_PORT) : listen;
        RestDoorSection door = new RestDoorSection(s);
        Optional<RestConfig.Tls> tls = door.tls();
        RestConfig.Answers answers = door.answers();
        int queue = door.queue();
        s.tolerate("connect_address").finish();
        RestConfig.Guests guests = new RestConfig.Guests(List.of(), false);
        return listen.flatMap(
                l -> connect.map(c -> new RestConfig(l, c, Optional.empty(), tls, guests, answers, queue, false)));
    }

    private Optional<WitnessConfig> peer(String refusal, String whatName, Optional<RestConfig> rest) {
        root.refuse(refusal, "postgresql", "control", "citus", "bootstrap", "tags", "watchdog", "ctl")
                .refuseExcept("thread_pool_size", "5", NO_POOL)
                .refuseExcept("thread_stack_size", "512kB", NO_POOL);
        String scope = root.requiredText("scope", "the cluster's name, the same on every member");
        String name = root.requiredText("name", whatName);
        root.text("namespace", "/service");
        Optional<Path> stateDir = root.file("state_dir");
        Optional<RaftConfig> raft = raft(stateDir, false);
        LogConfig log = LogSection.read(root.sectionOrEmpty("log"));
        Optional<TlsFiles> tls = root.section("tls").flatMap(s -> new TlsSection(s).read());
        root.finish();
        return raft.map(r ->
                new WitnessConfig(scope, name, r, stateDir.orElseGet(() -> stateBeside(r.dataDir())), log, tls, rest));
    }

    /** @return empty if something without a default is missing or wrong */
    private Optional<AgentConfig> read() {
        root.refuseExcept("thread_pool_size", "5", NO_POOL).refuseExcept("thread_stack_size", "512kB", NO_POOL);
        root.refuse(
                "is a setting of the whole cluster: put it under bootstrap.dcs, or change it with matriarchctl edit-config",
                "ttl",
                "loop_wait",
                "retry_timeout",
                "standby_cluster");
        String scope = root.requiredText("scope", "the cluster's name, the same on every member");
        String name = root.requiredText("name", "this member's name, different on every member");
        if (StandbyNames.PLACEHOLDER.equalsIgnoreCase(name)) {
            root.problem("name", "is reserved: it stands for a standby that does not exist");
        }
        String namespace = root.text("namespace", "/service");
        Optional<Path> givenStateDir = root.file("state_dir");
        Optional<Section> etcd2Section = root.section("etcd");
        Optional<EtcdConfig> etcd2 = etcd2Section.flatMap(s -> new EtcdSection(EtcdConfig.Api.V2, s, findings).read());
        Optional<Section> etcd3 = root.section("etcd3");
        Optional<EtcdConfig> etcd = etcd3.flatMap(s -> new EtcdSection(EtcdConfig.Api.V3, s, findings).read());
        Optional<Section> consulSection = root.section("consul");
        Optional<ConsulConfig> consul = consulSection.flatMap(s -> new ConsulSection(s, findings).read());
        Optional<Section> zooSection = root.section("zookeeper");
        Optional<ZooKeeperConfig> zoo = zooSection.flatMap(s -> new ZooKeeperSection(s, findings).read());
        Optional<Section> exhibitor = root.section("exhibitor");
        Optional<ZooKeeperConfig> found = exhibitor.flatMap(s -> new ExhibitorSection(s, findings).read());
        Optional<Section> kubernetesSection = root.section("kubernetes");
        Optional<KubernetesConfig> kubernetes =
                kubernetesSection.flatMap(s -> new KubernetesSection(s, findings).read(scope, name));
        Optional<RaftConfig> raft = raft(
                givenStateDir,
                Stream.of(etcd2Section, etcd3, consulSection, zooSection, exhibitor, kubernetesSection)
                        .anyMatch(Optional::isPresent));
        Path stateDir = givenStateDir
                .or(() ->
                        raft.map(RaftConfig::dataDir).or(this::serversDirectory).map(ConfigFile::stateBeside))
                .orElse(Path.of("state").toAbsolutePath());
        Map<String, Optional<StoreConfig>> stores = new LinkedHashMap<>();
        consulSection.ifPresent(s -> stores.put("consul", consul.map(c -> c)));
        etcd2Section.ifPresent(s -> stores.put("etcd", etcd2.map(e -> e)));
        etcd3.ifPresent(s -> stores.put("etcd3", etcd.map(e -> e)));
        exhibitor.ifPresent(s -> stores.put("exhibitor", found.map(e -> e)));
        kubernetesSection.ifPresent(s -> stores.put("kubernetes", kubernetes.map(k -> k)));
        if (root.has("raft")) {
            stores.put("raft", raft.map(r -> r));
        }
        zooSection.ifPresent(s -> stores.put("zookeeper", zoo.map(z -> z)));
        Optional<StoreConfig> store = new StoreChoice(stateDir, scope, findings).of(stores, wantedStore);
        if (name != null
                && name.startsWith("_")
                && store.filter(ConfigFile::hidesUnderscores).isPresent()) {
            root.problem("name", "begins with an underscore: etcd's v2 API shows no such keys; choose another name");
        }
        Optional<RestConfig> rest = rest();
        Optional<ControlConfig> control = control(rest);
        Optional<PostgresConfig> postgres = root.section("postgresql")
                .map(s -> new PostgresSection(s, findings))
                .or(() -> {
                    if (!root.has("postgresql")) {
                        findings.add(
                                "postgresql", "is missing: at least listen, data_dir and authentication belong there");
                    }
                    return Optional.empty();
                })
                .flatMap(s -> s.read(stateDir));
        Optional<CitusConfig> citus = root.section("citus").flatMap(s -> new CitusSection(s, findings).read());
        BootstrapConfig written = new BootstrapSection(root.sectionOrEmpty("bootstrap"), findings).read();
        BootstrapConfig bootstrap =
                citus.isPresent() ? written.withDcs(CitusSection.withSynchronousMode(written.dcsJson())) : written;
        Map<String, Object> tags = new TagsSection(root.sectionOrEmpty("tags"), Optional.ofNullable(name)).read();
        LogConfig log = LogSection.read(root.sectionOrEmpty("log"));
        store.flatMap(chosen -> chosen.timingProblem(DynamicConfigJson.parse(bootstrap.dcsJson())))
                .ifPresent(why -> findings.add("bootstrap.dcs", why));
        WatchdogConfig watchdog = WatchdogSection.read(root.sectionOrEmpty("watchdog"), bootstrap.dcsJson(), findings);
        AgentConfig.FlightRecorderConfig flightRecorder = flightRecorder(stateDir);
        Optional<TlsFiles> tls = root.section("tls").flatMap(s -> new TlsSection(s).read());
        ctl();
        root.finish();
        if (store.isEmpty() || rest.isEmpty() || control.isEmpty() || postgres.isEmpty()) {
            return Optional.empty();
        }
        return Optional.of(new AgentConfig(
                scope,
                name,
                namespace,
                stateDir,
                rest.get(),
                control.get(),
                store.get(),
                postgres.get(),
                bootstrap,
                tags,
                log,
                watchdog,
                flightRecorder,
                citus,
                tls));
    }

    private static boolean hidesUnderscores(StoreConfig store) {
        return store instanceof EtcdConfig etcd && etcd.api() == EtcdConfig.Api.V2;
    }

    private Optional<RestConfig> rest() {
        Section s = root.sectionOrEmpty("restapi").refuseExcept("thread_pool_size", "5", NO_POOL);
        Optional<HostPort> listen = s.address("listen", REST_PORT);
        if (!s.has("listen")) {
            findings.add(s.key("listen"), "is missing: the address for health checks, such as 10.0.0.1:8008");
        }
        Optional<HostPort> connect = connectAddress(s, listen, REST_PORT);
        Optional<Credentials> credentials = s.section("authentication").flatMap(this::credentials);
        RestDoorSection door = new RestDoorSection(s);
        Optional<RestConfig.Tls> tls = door.tls();
        RestConfig.Guests guests = door.guests();
        RestConfig.Answers answers = door.answers();
        int queue = door.queue();
        boolean ui = s.bool("ui", true);
        s.finish();
        return listen.flatMap(
                l -> connect.map(c -> new RestConfig(l, c, credentials, tls, guests, answers, queue, ui)));
    }

    private Optional<Credentials> credentials(Section s) {
        Optional<String> username = s.text("username");
        Optional<String> password = s.secret("password");
        s.finish();
        if (username.isPresent() && password.isPresent()) {
            return Optional.of(new Credentials(username.get(), password.get()));
        }
        if (!s.has("username")) {
            findings.add(s.key("username"), "is missing: give username and password, or neither");
        }
        if (!s.has("password") && !s.has("password_file")) {
            findings.add(s.key("password"), "is missing: give username and password, or neither");
        }
        return Optional.empty();
    }

    private Optional<HostPort> connectAddress(Section s, Optional<HostPort> listen, int defaultPort) {
        if (s.has("connect_address")) {
            return s.reachableAddress("connect_address", defaultPort);
        }
        s.tolerate("connect_address");
        if (listen.isPresent() && Section.isAnyAddress(listen.get().host())) {
            findings.add(
                    s.key("connect_address"),
                    "is missing: " + s.key("listen") + " names all addresses, so say which one others should use");
            return Optional.empty();
        }
        return listen;
    }

    private Optional<ControlConfig> control(Optional<RestConfig> rest) {
        Section s = root.sectionOrEmpty("control");
        Optional<HostPort> listen = s.has("listen")
                ? s.address("listen", 0)
                : rest.map(RestConfig::listen).flatMap(a -> nextPort(s, "listen", a));
        Optional<HostPort> connect = s.has("connect_address")
                ? s.reachableAddress(
                        "connect_address", listen.map(HostPort::port).orElse(0))
                : listen.filter(a -> s.has("listen") && !Section.isAnyAddress(a.host()))
                        .or(() -> rest.flatMap(r ->
                                listen.map(l -> new HostPort(r.connectAddress().host(), l.port()))));
        s.tolerate("listen", "connect_address").finish();
        return listen.flatMap(l -> connect.map(c -> new ControlConfig(l, c)));
    }

    private Optional<HostPort> nextPort(Section s, String name, HostPort rest) {
        if (rest.port() == 65535) {
            findings.add(s.key(name), "is missing, and there is no port after restapi's 65535; give it an address");
            return Optional.empty();
        }
        return Optional.of(new HostPort(rest.host(), rest.port() + 1));
    }

    private static Path stateBeside(Path directory) {
        return directory.resolveSibling(directory.getFileName() + "-state");
    }

    /** Read again, and judged, with the rest of its section. */
    private Optional<Path> serversDirectory() {
        String text = root.node().path("postgresql").path("data_dir").asText("");
        try {
            return Optional.of(Path.of(text).toAbsolutePath().normalize()).filter(d -> d.getFileName() != null);
        } catch (InvalidPathException e) {
            return Optional.empty();
        }
    }

    private Optional<RaftConfig> raft(Optional<Path> stateDir, boolean another) {
        Optional<Section> section = root.section("raft");
        if (section.isEmpty()) {
            if (!root.has("raft") && !another) {
                findings.add(
                        "raft",
                        "is missing: the built-in store needs self_addr, partner_addrs and data_dir; or give etcd3 or another store, to keep the"
                                + " cluster's state there");
            }
            return Optional.empty();
        }
        Section s = section.get()
                .refuseExcept("connection_timeout", "3.5", OTHER_LIBRARY)
                .refuseExcept("append_entries_period", "0.1", OTHER_LIBRARY)
                .refuseExcept("connection_retry_time", "5", OTHER_LIBRARY)
                .refuseExcept("leader_fallback_timeout", "30", OTHER_LIBRARY)
                .refuse(RAFT_PASSWORD, "password", "password_file");
        Optional<Path> dataDir = s.file("data_dir").or(() -> stateDir.map(d -> d.resolve("raft")));
        if (dataDir.isEmpty() && !s.has("data_dir")) {
            findings.add(s.key("data_dir"), "is missing: a directory on a local disk for the built-in store");
        }
        Optional<HostPort> self = s.reachableAddress("self_addr", 0);
        if (!s.has("self_addr")) {
            findings.add(s.key("self_addr"), "is missing: host:port where the other members reach this one's store");
        }
        Optional<HostPort> bind = s.address("bind_addr", 0).or(() -> s.has("bind_addr") ? Optional.empty() : self);
        List<HostPort> partners = new ArrayList<>();
        for (String text : s.textsOrCommas("partner_addrs")) {
            try {
                HostPort partner = HostPort.parse(text, 0);
                if (self.map(partner::equals).orElse(false) || partners.contains(partner)) {
                    continue;
                }
                partners.add(partner);
            } catch (IllegalArgumentException e) {
                findings.add(s.key("partner_addrs"), text, "is not an address: " + e.getMessage(), Optional.empty());
            }
        }
        Duration shortest = Duration.ofMillis(50);
        Duration min = s.duration("min_timeout", Duration.ofMillis(500), shortest);
        Duration standardMax = Duration.ofSeconds(1);
        Duration max =
                s.duration("max_timeout", min.compareTo(standardMax) < 0 ? standardMax : min.multipliedBy(2), shortest);
        if (max.compareTo(min) <= 0) {
            s.problem("max_timeout", "is not longer than raft.min_timeout (" + Quantity.seconds(min) + " s)");
        }
        Optional<Duration> removeDeadPeersAfter = Optional.of(
                        s.duration("remove_dead_peers_after", Duration.ZERO, Duration.ofMinutes(1)))
                .filter(d -> !d.isZero());
        Optional<RaftConfig.Backup> backup = s.section("backup").flatMap(this::backup);
        s.finish();
        if (dataDir.isEmpty() || self.isEmpty() || bind.isEmpty()) {
            return Optional.empty();
        }
        return Optional.of(new RaftConfig(
                dataDir.get(), self.get(), bind.get(), List.copyOf(partners), min, max, backup, removeDeadPeersAfter));
    }

    private Optional<RaftConfig.Backup> backup(Section s) {
        Optional<Path> directory = s.file("directory");
        if (!s.has("directory")) {
            findings.add(s.key("directory"), "is missing: where the store is saved to, best on another disk");
        }
        Duration interval = s.duration("interval", Duration.ofDays(1), Duration.ofMinutes(1));
        int keep = s.integer("keep", 7, 1, 10_000);
        s.finish();
        return directory.map(d -> new RaftConfig.Backup(d, interval, keep));
    }

    private AgentConfig.FlightRecorderConfig flightRecorder(Path stateDir) {
        Section s = root.sectionOrEmpty("flight_recorder");
        boolean enabled = s.bool("enabled", true);
        Path directory = s.file("dir").orElse(stateDir.resolve("flight"));
        long size = s.bytes("size", 16L << 20, 1L << 20);
        s.finish();
        return new AgentConfig.FlightRecorderConfig(enabled, directory, size);
    }

    /** The agent itself uses nothing of it; matriarchctl reads the same file. */
    private void ctl() {
        Section s = root.sectionOrEmpty("ctl");
        s.textsOrCommas("endpoints");
        s.bool("insecure", false);
        s.file("cacert");
        s.file("certfile");
        s.file("keyfile");
        s.secret("keyfile_password");
        s.section("authentication").ifPresent(this::credentials);
        s.finish();
    }
}
