package dev.matriarch.agent.config;

import dev.matriarch.agent.config.PostgresConfig.Role;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Reads the {@code postgresql} section. */
final class PostgresSection {
    private static final Logger LOG = LoggerFactory.getLogger(PostgresSection.class);
    private static final int POSTGRES_PORT = 5432;

    private final Section section;
    private final Findings findings;

    PostgresSection(Section section, Findings findings) {
        this.section = section;
        this.findings = findings;
    }

    Optional<PostgresConfig> read(Path stateDir) {
        Section s = section;
        s.refuseExcept(
                "use_slots",
                "true",
                "is a setting of the whole cluster: change it with matriarchctl edit-config, under postgresql");
        Optional<Listen> listen = listen();
        Optional<HostPort> connect = connectAddress(listen);
        Optional<HostPort> proxyAddress = proxyAddress(listen);
        Optional<Path> dataDir = s.file("data_dir");
        if (!s.has("data_dir")) {
            findings.add(s.key("data_dir"), "is missing: the directory of the database");
        }
        Optional<Path> binDir = s.file("bin_dir");
        Path pgpass = s.file("pgpass").orElse(stateDir.resolve("pgpass"));
        Section authentication = s.sectionOrEmpty("authentication");
        Optional<String> kerberosService = s.text("krbsrvname");
        Role superuser = role(authentication, "superuser", Optional.of("postgres"), kerberosService);
        Role replication = role(authentication, "replication", Optional.empty(), kerberosService);
        Role rewind = authentication.has("rewind")
                ? role(authentication, "rewind", Optional.empty(), kerberosService)
                : superuser;
        authentication.finish();
        ReplicaMaking making = new ReplicaMethodsSection(s).read(true);
        Map<String, String> parameters = localParameters();
        ServerPlaces places = ServerPlaces.read(s);
        List<String> warnings = new ArrayList<>();
        ServerFiles files = ServerFiles.read(s, warnings);
        warnings.forEach(LOG::warn);
        List<String> pgHba = files.lines().getOrDefault(ServerFiles.HBA, List.of());
        List<String> pgIdent = files.lines().getOrDefault(ServerFiles.IDENT, List.of());
        ServerHandling handling = ServerHandling.read(s);
        s.finish();
        if (listen.isEmpty() || connect.isEmpty() || dataDir.isEmpty()) {
            return Optional.empty();
        }
        return Optional.of(new PostgresConfig(
                listen.get().hosts(),
                listen.get().port(),
                connect.get(),
                dataDir.get(),
                binDir,
                pgpass,
                superuser,
                replication,
                rewind,
                parameters,
                pgHba,
                pgIdent,
                handling,
                making.basebackupOptions(),
                making.methods(),
                proxyAddress,
                places,
                files,
                making));
    }

    private Optional<HostPort> proxyAddress(Optional<Listen> listen) {
        if (Section.asksForNothing(section.node().path("proxy_address"))) {
            section.tolerate("proxy_address");
            return Optional.empty();
        }
        return section.reachableAddress(
                "proxy_address", listen.map(Listen::port).orElse(POSTGRES_PORT));
    }

    private record Listen(List<String> hosts, int port) {}

    /** {@code host[,host]:port}: the port after the last colon counts for every host. */
    private Optional<Listen> listen() {
        Optional<String> text = section.text("listen");
        if (text.isEmpty()) {
            if (!section.has("listen")) {
                findings.add(section.key("listen"), "is missing: the address of the database, such as 10.0.0.1:5432");
            }
            return Optional.empty();
        }
        try {
            String[] parts = text.get().split(",");
            HostPort last = HostPort.parse(parts[parts.length - 1], POSTGRES_PORT);
            List<String> hosts = new ArrayList<>();
            for (int i = 0; i < parts.length - 1; i++) {
                hosts.add(HostPort.parse(parts[i], last.port()).host());
            }
            hosts.add(last.host());
            return Optional.of(new Listen(List.copyOf(hosts), last.port()));
        } catch (IllegalArgumentException e) {
            section.problem("listen", "is not host:port or host,host:port: " + e.getMessage());
            return Optional.empty();
        }
    }

    private Optional<HostPort> connectAddress(Optional<Listen> listen) {
        if (section.has("connect_address")) {
            return section.reachableAddress(
                    "connect_address", listen.map(Listen::port).orElse(POSTGRES_PORT));
        }
        section.tolerate("connect_address");
        if (listen.isEmpty()) {
            return Optional.empty();
        }
        String host = listen.get().hosts().getFirst();
        if (Section.isAnyAddress(host)) {
            findings.add(
                    section.key("connect_address"),
                    "is missing: postgresql.listen names all addresses, so say which one others should use");
            return Optional.empty();
        }
        return Optional.of(new HostPort(host, listen.get().port()));
    }

    private Role role(
            Section authentication, String name, Optional<String> defaultUser, Optional<String> kerberosService) {
        Optional<Section> given = authentication.section(name);
        if (given.isEmpty()) {
            if (defaultUser.isEmpty() && !authentication.has(name)) {
                findings.add(
                        authentication.key(name),
                        "is missing: give the username and password that replicas connect with");
            }
            return new Role(
                    defaultUser.orElse(name), Optional.empty(), ConnectionSecurity.USUAL.withService(kerberosService));
        }
        Section s = given.get();
        Optional<String> user = s.text("username");
        if (user.isEmpty() && defaultUser.isEmpty() && !s.has("username")) {
            findings.add(s.key("username"), "is missing: the name of a database role");
        }
        Role role = new Role(
                user.or(() -> defaultUser).orElse(name),
                s.secret("password"),
                SecuritySection.read(s).withService(kerberosService));
        boolean manyLines = Stream.of(role.username(), role.password().orElse(""))
                .anyMatch(t -> t.indexOf('\n') >= 0 || t.indexOf('\r') >= 0 || t.indexOf('\0') >= 0);
        if (manyLines) {
            findings.add(
                    s.key("password"),
                    "or username holds a line break, which libpq's password file cannot hold; choose another");
        }
        s.finish();
        return role;
    }

    private Map<String, String> localParameters() {
        Map<String, String> local = new LinkedHashMap<>();
        section.parameters("parameters").forEach((name, value) -> {
            if (Parameters.isControlled(name)) {
                LOG.warn(
                        "{}.{} is ignored: every member needs the same value, so it is set for the whole cluster with"
                                + " matriarchctl edit-config",
                        section.key("parameters"),
                        name);
            } else {
                local.put(name, value);
            }
        });
        return java.util.Collections.unmodifiableMap(local);
    }
}
