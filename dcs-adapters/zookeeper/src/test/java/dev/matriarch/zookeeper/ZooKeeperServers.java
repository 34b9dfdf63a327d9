package dev.matriarch.zookeeper;

import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import dev.matriarch.dcs.contract.Signal;
import java.io.File;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Real servers of ZooKeeper on loopback addresses, one process each, in a directory of their own. */
final class ZooKeeperServers implements AutoCloseable {
    private final Path dir;
    private final List<Integer> ports = new ArrayList<>();
    private final List<Integer> peerPorts = new ArrayList<>();
    private final List<Integer> electionPorts = new ArrayList<>();
    private final List<Process> processes = new ArrayList<>();
    private final List<String> more;
    private final List<String> options;
    private int generation;

    private ZooKeeperServers(Path dir, List<String> more, List<String> options) throws IOException {
        this.dir = dir;
        this.options = List.copyOf(options);
        this.more = List.copyOf(more);
        for (int i = 0; i < more.size(); i++) {
            ports.add(freePort());
            peerPorts.add(freePort());
            electionPorts.add(freePort());
            processes.add(null);
        }
    }

    /** @param more lines of configuration, for each server its own */
    static ZooKeeperServers start(Path dir, List<String> more) throws Exception {
        return start(dir, more, List.of());
    }

    /** @param options of each server's JVM */
    static ZooKeeperServers start(Path dir, List<String> more, List<String> options) throws Exception {
        ZooKeeperServers servers = new ZooKeeperServers(dir, more, options);
        try {
            servers.startAll();
        } catch (Exception | AssertionError e) {
            servers.close();
            throw e;
        }
        return servers;
    }

    private void startAll() throws Exception {
        for (int i = 0; i < ports.size(); i++) {
            start(i);
        }
        awaitAnswers();
    }

    /** {@code ./check} unpacks it and says where; else it may be installed. */
    static String classpath() {
        String named = System.getenv("MATRIARCH_ZOOKEEPER");
        List<String> places = named != null
                ? List.of(named)
                : List.of("/usr/share/java", "/var/cache/matriarch-tests/zookeeper/usr/share/java");
        for (String place : places) {
            if (Files.exists(Path.of(place, "zookeeper.jar"))) {
                return Stream.of(
                                "zookeeper",
                                "zookeeper-jute",
                                "slf4j-api",
                                "slf4j-nop",
                                "metrics-core",
                                "snappy-java",
                                "netty-handler",
                                "netty-transport",
                                "netty-transport-native-epoll",
                                "netty-transport-native-unix-common",
                                "netty-codec",
                                "netty-resolver",
                                "netty-common",
                                "netty-buffer")
                        .map(jar -> Path.of(place, jar + ".jar").toString())
                        .collect(Collectors.joining(File.pathSeparator));
            }
        }
        return fail("no zookeeper.jar was found: ./check unpacks one; or let MATRIARCH_ZOOKEEPER name its directory");
    }

    static int freePort() throws IOException {
        try (ServerSocket socket = new ServerSocket()) {
            socket.bind(new InetSocketAddress("127.0.0.1", 0));
            return socket.getLocalPort();
        }
    }

    void start(int i) throws IOException {
        Path data = Files.createDirectories(dir.resolve("data" + generation + "-" + i));
        StringBuilder config = new StringBuilder("""
                dataDir=%s
                clientPort=%d
                clientPortAddress=127.0.0.1
                maxClientCnxns=0
                admin.enableServer=false
                initLimit=40
                syncLimit=12
                %s
                """.formatted(data, ports.get(i), more.get(i)));
        if (ports.size() > 1) {
            Files.writeString(data.resolve("myid"), Integer.toString(i + 1));
            for (int k = 0; k < ports.size(); k++) {
                config.append("server.%d=127.0.0.1:%d:%d%n".formatted(k + 1, peerPorts.get(k), electionPorts.get(k)));
            }
        }
        Path file = Files.writeString(dir.resolve("zoo" + i + ".cfg"), config);
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx128m",
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-Dzookeeper.fsync.warningthresholdms=10000"));
        command.addAll(options);
        command.addAll(
                List.of("-cp", classpath(), "org.apache.zookeeper.server.quorum.QuorumPeerMain", file.toString()));
        processes.set(
                i,
                new ProcessBuilder(command)
                        .redirectErrorStream(true)
                        .redirectOutput(ProcessBuilder.Redirect.appendTo(
                                dir.resolve("log" + i).toFile()))
                        .start());
    }

    URI address(int i) {
        return URI.create("zk://127.0.0.1:" + ports.get(i));
    }

    /** What a server says of itself; empty if it does not answer. */
    String said(int i) {
        try (Socket socket = new Socket()) {
            socket.connect(new InetSocketAddress("127.0.0.1", ports.get(i)), 1000);
            socket.setSoTimeout(1000);
            socket.getOutputStream().write("srvr".getBytes(StandardCharsets.US_ASCII));
            return new String(socket.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);
        } catch (IOException notNow) {
            return "";
        }
    }

    void awaitAnswers() throws Exception {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
        for (int i = 0; i < ports.size(); i++) {
            while (!said(i).contains("Mode:")) {
                assertTrue(System.nanoTime() - deadline < 0, "ZooKeeper does not answer at " + address(i));
                Thread.sleep(50);
            }
        }
    }

    int leader() {
        for (int i = 0; i < ports.size(); i++) {
            if (said(i).contains("Mode: leader")) {
                return i;
            }
        }
        return fail("no server leads");
    }

    void signal(int i, String signal) throws Exception {
        Signal.send(signal, processes.get(i));
    }

    void kill(int i) throws InterruptedException {
        processes.get(i).destroyForcibly().waitFor(10, TimeUnit.SECONDS);
    }

    /** They begin again where they were. */
    void restart() throws Exception {
        for (int i = 0; i < processes.size(); i++) {
            kill(i);
        }
        startAll();
    }

    /** They begin again with empty directories. */
    void wipe() throws Exception {
        generation++;
        restart();
    }

    @Override
    public void close() throws IOException {
        for (Process process : processes) {
            if (process != null) {
                process.destroyForcibly()
                        .onExit()
                        .orTimeout(10, TimeUnit.SECONDS)
                        .join();
            }
        }
        try (Stream<Path> files = Files.walk(dir)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(file);
            }
        }
    }
}
