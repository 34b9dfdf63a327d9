package dev.matriarch.consul;

import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import dev.matriarch.dcs.contract.Signal;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** Real Consul servers on loopback addresses, in a directory of their own. */
final class ConsulServers implements AutoCloseable {
    /** HTTP, Raft and gossip of one server. */
    private record Ports(int http, int server, int gossip) {}

    private final Path dir;
    private final List<Ports> ports = new ArrayList<>();
    private final List<Process> processes = new ArrayList<>();
    private final String more;
    private final String token;
    private int generation;

    private final String morePorts;
    private final String leastSession;

    private ConsulServers(Path dir, int count, String more, String token, String morePorts, String leastSession)
            throws IOException {
        this.morePorts = morePorts;
        this.leastSession = leastSession;
        this.dir = dir;
        this.more = more;
        this.token = token;
        for (int i = 0; i < count; i++) {
            ports.add(new Ports(freePort(), freePort(), freePort()));
            processes.add(null);
        }
    }

    /** @param more settings as JSON, each with a comma before it */
    static ConsulServers start(Path dir, int count, String more, String token) throws Exception {
        return start(dir, count, more, token, "", "1s");
    }

    /** @param leastSession the shortest session that is allowed, half of the shortest lock */
    static ConsulServers start(Path dir, int count, String more, String token, String morePorts, String leastSession)
            throws Exception {
        ConsulServers servers = new ConsulServers(dir, count, more, token, morePorts, leastSession);
        try {
            for (int i = 0; i < count; i++) {
                servers.start(i);
            }
            servers.awaitAnswers();
        } catch (Exception | AssertionError e) {
            servers.close();
            throw e;
        }
        return servers;
    }

    static ConsulServers start(Path dir, int count) throws Exception {
        return start(dir, count, "", "");
    }

    /** {@code ./check} unpacks it and says where; else it may be installed. */
    static String program() {
        String named = System.getenv("MATRIARCH_CONSUL");
        if (named != null) {
            return named;
        }
        for (String place : List.of(
                "/usr/bin/consul", "/usr/local/bin/consul", "/var/cache/matriarch-tests/consul/usr/bin/consul")) {
            if (Files.isExecutable(Path.of(place))) {
                return place;
            }
        }
        return fail("no consul was found: ./check unpacks one; or let MATRIARCH_CONSUL name the program");
    }

    static int freePort() throws IOException {
        try (ServerSocket socket = new ServerSocket()) {
            socket.bind(new InetSocketAddress("127.0.0.1", 0));
            return socket.getLocalPort();
        }
    }

    /** One that was stopped keeps its vote: with autopilot's cleaning up it would be without for ten seconds once it goes on. */
    void start(int i) throws IOException {
        Path data = dir.resolve("c" + i + "-" + generation);
        Files.createDirectories(data);
        StringBuilder others = new StringBuilder();
        for (Ports other : ports) {
            others.append(others.isEmpty() ? "" : ",")
                    .append("\"127.0.0.1:")
                    .append(other.gossip())
                    .append('"');
        }
        Ports own = ports.get(i);
        Path file = Files.writeString(dir.resolve("c" + i + ".json"), """
                {"server": true, "bootstrap_expect": %d, "retry_join": [%s], "retry_interval": "1s",
                 "bind_addr": "127.0.0.1", "client_addr": "127.0.0.1", "node_name": "c%d", "data_dir": "%s",
                 "session_ttl_min": "%s", "performance": {"raft_multiplier": 1}, "leave_on_terminate": false,
                 "disable_update_check": true, "disable_host_node_id": true,
                 "autopilot": {"cleanup_dead_servers": false},
                 "ports": {"http": %d, "server": %d, "serf_lan": %d, "serf_wan": -1, "dns": -1, "grpc": -1%s}%s}
                """.formatted(
                ports.size(), others, i, data, leastSession, own.http(), own.server(), own.gossip(), morePorts, more));
        ProcessBuilder builder =
                new ProcessBuilder(program(), "agent", "-config-file=" + file).redirectErrorStream(true);
        builder.redirectOutput(
                ProcessBuilder.Redirect.appendTo(dir.resolve("c" + i + ".log").toFile()));
        processes.set(i, builder.start());
    }

    URI address(int i) {
        return URI.create("http://127.0.0.1:" + ports.get(i).http());
    }

    int size() {
        return ports.size();
    }

    /** The server that leads now; -1: none, as the first one that answers knows. */
    int leader() throws Exception {
        for (int i = 0; i < size(); i++) {
            String said;
            try {
                said = ask(i, "GET", "status/leader", "");
            } catch (IOException notThisOne) {
                continue;
            }
            for (int k = 0; k < size(); k++) {
                if (said.contains(":" + ports.get(k).server() + "\"")) {
                    return k;
                }
            }
        }
        return -1;
    }

    /** @return the answer's text, whatever its status */
    String ask(int i, String method, String path, String body) throws IOException, InterruptedException {
        try (HttpClient http =
                HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(1)).build()) {
            HttpRequest.Builder request = HttpRequest.newBuilder(address(i).resolve("/v1/" + path))
                    .timeout(Duration.ofSeconds(3))
                    .method(method, HttpRequest.BodyPublishers.ofString(body));
            if (!token.isEmpty()) {
                request.header("X-Consul-Token", token);
            }
            HttpResponse<String> reply = http.send(request.build(), HttpResponse.BodyHandlers.ofString());
            return reply.statusCode() == 404 ? "" : reply.body();
        }
    }

    /** They answer, and take writes. */
    void awaitAnswers() throws Exception {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(40);
        for (int i = 0; i < size(); i++) {
            while (true) {
                try {
                    if (ask(i, "PUT", "kv/ready", "x").startsWith("true")) {
                        break;
                    }
                } catch (IOException notYet) {
                    // Asked again until the deadline.
                }
                assertTrue(System.nanoTime() - deadline < 0, "Consul does not answer at " + address(i));
                Thread.sleep(50);
            }
        }
    }

    void signal(int i, String signal) throws Exception {
        Signal.send(signal, processes.get(i));
    }

    void signalAll(String signal) throws Exception {
        for (int i = 0; i < size(); i++) {
            signal(i, signal);
        }
    }

    void kill(int i) throws InterruptedException {
        processes.get(i).destroyForcibly().waitFor(10, TimeUnit.SECONDS);
    }

    /** All of them begin again with empty directories. */
    void wipe() throws Exception {
        for (int i = 0; i < size(); i++) {
            kill(i);
        }
        generation++;
        for (int i = 0; i < size(); i++) {
            start(i);
        }
        awaitAnswers();
    }

    @Override
    public void close() throws IOException {
        for (Process process : processes) {
            if (process != null) {
                process.destroyForcibly();
            }
        }
        if (Files.exists(dir)) {
            for (Process process : processes) {
                if (process != null) {
                    process.onExit().orTimeout(10, TimeUnit.SECONDS).join();
                }
            }
            try (Stream<Path> files = Files.walk(dir)) {
                for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                    Files.deleteIfExists(file);
                }
            }
        }
    }
}
