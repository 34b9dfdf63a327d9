package dev.matriarch.agent.cli;

import dev.matriarch.agent.config.AgentConfig;
import dev.matriarch.agent.config.HostPort;
import dev.matriarch.agent.config.LocalConfig;
import dev.matriarch.agent.config.PostgresConfig;
import dev.matriarch.agent.config.Problem;
import dev.matriarch.agent.postgres.Binaries;
import dev.matriarch.agent.postgres.PostgresException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.UnknownHostException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/** Compares a configuration with the host it is for: addresses, ports, programs, directories. Changes nothing. */
public final class HostCheck {
    private final LocalConfig local;
    private final AgentConfig config;
    private final boolean portsMayBeTaken;
    private final List<Problem> problems = new ArrayList<>();

    /** @param portsMayBeTaken an agent with this configuration may be running */
    public HostCheck(LocalConfig local, boolean portsMayBeTaken) {
        this.local = local;
        this.config = local.config();
        this.portsMayBeTaken = portsMayBeTaken;
    }

    public List<Problem> problems() {
        Set<HostPort> seen = new LinkedHashSet<>();
        listen("restapi.listen", config.rest().listen(), seen);
        listen("control.listen", config.control().listen(), seen);
        config.builtIn().ifPresent(raft -> listen("raft.bind_addr", raft.bindAddress(), seen));
        PostgresConfig postgres = config.postgres();
        for (String host : postgres.listenHosts()) {
            listen("postgresql.listen", new HostPort(host, postgres.port()), seen);
        }
        loopback("restapi.connect_address", config.rest().connectAddress());
        loopback("control.connect_address", config.control().connectAddress());
        config.builtIn().ifPresent(raft -> loopback("raft.self_addr", raft.selfAddress()));
        loopback("postgresql.connect_address", postgres.connectAddress());
        programsAndData(postgres);
        pgpass(postgres.pgpass());
        return problems;
    }

    private void add(String key, Object value, String sentence) {
        problems.add(local.problem(key, value, sentence));
    }

    private void listen(String key, HostPort address, Set<HostPort> seen) {
        if (!seen.add(address)) {
            add(key, address, "is the address of another door of this agent as well; give each its own port");
            return;
        }
        InetAddress host;
        try {
            host = isAny(address.host())
                    ? new InetSocketAddress(0).getAddress()
                    : InetAddress.getByName(address.host());
        } catch (UnknownHostException e) {
            add(key, address, "names a host that is not known here; correct the name or use an address");
            return;
        }
        bind(host, 0).ifPresentOrElse(why -> add(key, address, "is no address of this host: " + why), () -> {
            if (!portsMayBeTaken && bind(host, address.port()).isPresent()) {
                add(
                        key,
                        address,
                        "cannot be used: Port " + address.port()
                                + " is already in use. Free it, or check with --ignore-listen-port if it"
                                + " is this agent that uses it.");
            }
        });
    }

    private static boolean isAny(String host) {
        return host.equals("*") || host.equals("0.0.0.0") || host.equals("::");
    }

    /** @param port 0: any; returns why not */
    private static Optional<String> bind(InetAddress host, int port) {
        try (ServerSocket socket = new ServerSocket()) {
            socket.setReuseAddress(true);
            socket.bind(new InetSocketAddress(host, port));
            return Optional.empty();
        } catch (IOException e) {
            return Optional.of(String.valueOf(e.getMessage()));
        }
    }

    /** On one host, as in a demo, the loopback network connects all members. */
    private void loopback(String key, HostPort address) {
        boolean elsewhere = config.builtIn().stream()
                .flatMap(raft -> raft.partners().stream())
                .anyMatch(partner -> !isLoopback(partner.host()));
        if (elsewhere && isLoopback(address.host())) {
            add(
                    key,
                    address,
                    "is reached on this host only, but raft.partner_addrs names others; give the address by"
                            + " which they reach this one");
        }
    }

    private static boolean isLoopback(String host) {
        return host.startsWith("127.") || host.equals("::1") || host.equals("localhost");
    }

    private void programsAndData(PostgresConfig postgres) {
        Optional<Binaries> binaries = Optional.empty();
        try {
            binaries = Optional.of(
                    Binaries.find(postgres.binDir(), postgres.places().programs()));
        } catch (PostgresException e) {
            add(
                    "postgresql.bin_dir",
                    postgres.binDir().map(Path::toString).orElse(""),
                    "cannot be used: " + e.getMessage());
        }
        Path data = postgres.dataDir();
        String key = "postgresql.data_dir";
        if (!Files.exists(data)) {
            return;
        }
        if (!Files.isDirectory(data)) {
            add(key, data, "is not a directory; correct the setting or move the file away");
            return;
        }
        try {
            if (isEmpty(data)) {
                return;
            }
            Path versionFile = data.resolve("PG_VERSION");
            if (!Files.exists(versionFile)) {
                add(key, data, "is not empty, but is no data directory of PostgreSQL either: it has no PG_VERSION");
                return;
            }
            String version = Files.readString(versionFile).strip();
            if (binaries.isPresent()
                    && !version.equals(Integer.toString(binaries.get().major()))) {
                add(
                        key,
                        data,
                        "was made by PostgreSQL " + version + ", but the programs in "
                                + binaries.get().directory() + " are of version "
                                + binaries.get().major()
                                + "; set postgresql.bin_dir to the matching ones");
            }
            if (!Files.exists(data.resolve("global/pg_control")) || !Files.isDirectory(data.resolve("pg_wal"))) {
                add(key, data, "lacks global/pg_control or pg_wal: it is damaged");
            }
        } catch (IOException e) {
            add(key, data, "cannot be read (" + e + "); run this as the user that the agent runs as");
        }
    }

    private static boolean isEmpty(Path directory) throws IOException {
        try (Stream<Path> entries = Files.list(directory)) {
            return entries.findAny().isEmpty();
        }
    }

    private void pgpass(Path pgpass) {
        if (Files.exists(pgpass) && !Files.isRegularFile(pgpass)) {
            add("postgresql.pgpass", pgpass, "is not a file; the agent writes its passwords there for libpq");
        }
    }
}
