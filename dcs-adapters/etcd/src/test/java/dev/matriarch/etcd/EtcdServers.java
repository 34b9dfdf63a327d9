package dev.matriarch.etcd;

import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
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

/** Real etcd servers on loopback addresses, in a directory of their own. */
final class EtcdServers implements AutoCloseable {
    /** With its older API as well, that is off by itself. */
    static final List<String> V2 = List.of("--enable-v2=true");

    private final Path dir;
    private final List<Integer> clientPorts = new ArrayList<>();
    private final List<Integer> peerPorts = new ArrayList<>();
    private final List<Process> processes = new ArrayList<>();
    private final List<String> more;
    private final String scheme;
    private int generation;

    private EtcdServers(Path dir, int count, String scheme, List<String> more) throws IOException {
        this.dir = dir;
        this.scheme = scheme;
        this.more = more;
        for (int i = 0; i < count; i++) {
            clientPorts.add(freePort());
            peerPorts.add(freePort());
            processes.add(null);
        }
    }

    static EtcdServers start(Path dir, int count) throws Exception {
        return start(dir, count, "http", List.of());
    }

    static EtcdServers start(Path dir, int count, String scheme, List<String> more) throws Exception {
        EtcdServers servers = new EtcdServers(dir, count, scheme, more);
        try {
            for (int i = 0; i < count; i++) {
                servers.start(i);
            }
            if (scheme.equals("http")) {
                servers.awaitAnswers();
            }
        } catch (Exception | AssertionError e) {
            servers.close();
            throw e;
        }
        return servers;
    }

    /** {@code ./check} unpacks it and says where; else it may be installed. */
    private static String program() {
        String named = System.getenv("MATRIARCH_ETCD");
        if (named != null) {
            return named;
        }
        for (String place :
                List.of("/usr/bin/etcd", "/usr/local/bin/etcd", "/var/cache/matriarch-tests/etcd/usr/bin/etcd")) {
            if (Files.isExecutable(Path.of(place))) {
                return place;
            }
        }
        return fail("no etcd was found: ./check unpacks one; or let MATRIARCH_ETCD name the program");
    }

    private static int freePort() throws IOException {
        try (ServerSocket socket = new ServerSocket()) {
            socket.bind(new InetSocketAddress("127.0.0.1", 0));
            return socket.getLocalPort();
        }
    }

    void start(int i) throws IOException {
        StringBuilder cluster = new StringBuilder();
        for (int k = 0; k < peerPorts.size(); k++) {
            cluster.append(k == 0 ? "" : ",")
                    .append("e")
                    .append(k)
                    .append("=http://127.0.0.1:")
                    .append(peerPorts.get(k));
        }
        Path data = dir.resolve("e" + i + "-" + generation);
        Files.createDirectories(dir);
        List<String> command = new ArrayList<>(List.of(
                program(),
                "--name=e" + i,
                "--data-dir=" + data,
                "--listen-client-urls=" + address(i),
                "--advertise-client-urls=" + address(i),
                "--listen-peer-urls=http://127.0.0.1:" + peerPorts.get(i),
                "--initial-advertise-peer-urls=http://127.0.0.1:" + peerPorts.get(i),
                "--initial-cluster=" + cluster,
                "--initial-cluster-state=new",
                "--heartbeat-interval=100",
                "--election-timeout=1000"));
        command.addAll(more);
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.redirectOutput(
                ProcessBuilder.Redirect.appendTo(dir.resolve("e" + i + ".log").toFile()));
        processes.set(i, builder.start());
    }

    URI address(int i) {
        return URI.create(scheme + "://127.0.0.1:" + clientPorts.get(i));
    }

    /** By which the others know it. */
    URI peerAddress(int i) {
        return URI.create("http://127.0.0.1:" + peerPorts.get(i));
    }

    List<URI> addresses() {
        List<URI> all = new ArrayList<>();
        for (int i = 0; i < clientPorts.size(); i++) {
            all.add(address(i));
        }
        return all;
    }

    void awaitAnswers() throws Exception {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
        try (HttpClient http =
                HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(1)).build()) {
            for (URI address : addresses()) {
                while (true) {
                    try {
                        var reply = http.send(
                                HttpRequest.newBuilder(address.resolve("/health"))
                                        .timeout(Duration.ofSeconds(2))
                                        .build(),
                                HttpResponse.BodyHandlers.ofString());
                        if (reply.statusCode() == 200 && reply.body().contains("true")) {
                            break;
                        }
                    } catch (IOException notYet) {
                        // Asked again until the deadline.
                    }
                    assertTrue(System.nanoTime() - deadline < 0, "etcd does not answer at " + address);
                    Thread.sleep(50);
                }
            }
        }
    }

    void signal(int i, String signal) throws Exception {
        Signal.send(signal, processes.get(i));
    }

    void signalAll(String signal) throws Exception {
        for (int i = 0; i < processes.size(); i++) {
            signal(i, signal);
        }
    }

    void kill(int i) throws InterruptedException {
        processes.get(i).destroyForcibly().waitFor(10, TimeUnit.SECONDS);
    }

    /** The server that leads now, all of which answer. */
    int leader() throws Exception {
        for (int i = 0; i < processes.size(); i++) {
            JsonNode said = status(i);
            if (said.path("leader")
                    .asText()
                    .equals(said.path("header").path("member_id").asText())) {
                return i;
            }
        }
        return fail("no server leads");
    }

    private JsonNode status(int i) throws Exception {
        try (HttpClient http = HttpClient.newHttpClient()) {
            HttpRequest request = HttpRequest.newBuilder(address(i).resolve("/v3/maintenance/status"))
                    .timeout(Duration.ofSeconds(10))
                    .POST(HttpRequest.BodyPublishers.ofString("{}"))
                    .build();
            return new ObjectMapper()
                    .readTree(http.send(request, HttpResponse.BodyHandlers.ofString())
                            .body());
        }
    }

    /** All of them die at once and begin again where they were. */
    void restart() throws Exception {
        for (int i = 0; i < processes.size(); i++) {
            kill(i);
        }
        for (int i = 0; i < processes.size(); i++) {
            start(i);
        }
        awaitAnswers();
    }

    /** The same with empty directories. */
    void wipe() throws Exception {
        generation++;
        restart();
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
