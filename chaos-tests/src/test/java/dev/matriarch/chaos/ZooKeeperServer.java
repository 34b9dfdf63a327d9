package dev.matriarch.chaos;

import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.DcsException;
import dev.matriarch.zookeeper.ZooKeeperDcs;
import dev.matriarch.zookeeper.ZooKeeperSettings;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** A real ZooKeeper of one server on a loopback address, with the limits that it has by itself. */
final class ZooKeeperServer implements AutoCloseable {
    private static final Duration UP = Duration.ofSeconds(60);

    private final Path directory;
    private final int port;
    private int generation;
    private Process process;

    ZooKeeperServer(Path directory) {
        this.directory = directory;
        this.port = freePort();
        start();
    }

    private void start() {
        try {
            Path data = Files.createDirectories(directory.resolve("data" + generation));
            Path file = Files.writeString(directory.resolve("zoo.cfg"), """
                    tickTime=2000
                    dataDir=%s
                    clientPort=%d
                    clientPortAddress=127.0.0.1
                    admin.enableServer=false
                    """.formatted(data, port));
            process = new ProcessBuilder(
                            Path.of(System.getProperty("java.home"), "bin", "java")
                                    .toString(),
                            "-Xmx128m",
                            "-XX:+UseSerialGC",
                            "-XX:TieredStopAtLevel=1",
                            "-cp",
                            classpath(),
                            "org.apache.zookeeper.server.ZooKeeperServerMain",
                            file.toString())
                    .redirectErrorStream(true)
                    .redirectOutput(ProcessBuilder.Redirect.appendTo(
                            directory.resolve("zookeeper.log").toFile()))
                    .start();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        Await.until("ZooKeeper answers", UP, this::answers);
    }

    private boolean answers() {
        try (Socket socket = new Socket()) {
            socket.connect(new InetSocketAddress("127.0.0.1", port), 1000);
            socket.setSoTimeout(1000);
            socket.getOutputStream().write("srvr".getBytes(StandardCharsets.US_ASCII));
            return new String(socket.getInputStream().readAllBytes(), StandardCharsets.US_ASCII).contains("Mode:");
        } catch (IOException notYet) {
            return false;
        }
    }

    private static int freePort() {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** {@code ./check} says where it is; else it may be installed. */
    private static String classpath() {
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
                                "netty-common",
                                "netty-buffer")
                        .map(jar -> Path.of(place, jar + ".jar").toString())
                        .collect(Collectors.joining(File.pathSeparator));
            }
        }
        throw new AssertionError(
                "no zookeeper.jar was found: ./check unpacks one; or let MATRIARCH_ZOOKEEPER name its directory");
    }

    /** {@code host:port} for clients. */
    String address() {
        return "127.0.0.1:" + port;
    }

    /** What it holds of the cluster {@code demo}. */
    ClusterView view() {
        try (ZooKeeperDcs dcs = new ZooKeeperDcs(new ZooKeeperSettings(
                ZooKeeperSettings.base("service", "demo"), List.of(URI.create("zk://" + address()))))) {
            return dcs.read(Duration.ofSeconds(10));
        } catch (DcsException | IOException e) {
            throw new AssertionError(e);
        }
    }

    /** It hangs: connections stay open, nobody answers. */
    void freeze() {
        Processes.signal("STOP", List.of(process.pid()));
    }

    void thaw() {
        Processes.signal("CONT", List.of(process.pid()));
    }

    /** It begins again with an empty disk. */
    void wipe() {
        end();
        generation++;
        start();
    }

    private void end() {
        process.destroyForcibly();
        try {
            if (!process.waitFor(10, TimeUnit.SECONDS)) {
                throw new AssertionError("ZooKeeper does not end");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    @Override
    public void close() {
        end();
        Commands.run(Duration.ofSeconds(20), Map.of(), List.of("rm", "-rf", directory.toString()));
    }
}
