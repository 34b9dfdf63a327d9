package dev.matriarch.chaos;

import java.io.File;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.ZooKeeper;

/** A real ZooKeeper of one server, with the limits that it has by itself. */
final class ZooKeeperServer extends StoreServer {
    private final int port = freePort();

    ZooKeeperServer(Path directory) {
        this(directory, Optional.empty());
    }

    /** @param island where it lives */
    ZooKeeperServer(Path directory, Optional<Island> island) {
        super(directory, island);
        start();
    }

    @Override
    protected List<String> command(Path directory, Path data) throws IOException {
        Path file = Files.writeString(directory.resolve("zoo.cfg"), """
                tickTime=2000
                dataDir=%s
                clientPort=%d
                clientPortAddress=%s
                admin.enableServer=false
                """.formatted(data, port, host()));
        return List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx128m",
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-cp",
                classpath(),
                "org.apache.zookeeper.server.ZooKeeperServerMain",
                file.toString());
    }

    @Override
    protected boolean answers() {
        try (Socket socket = new Socket()) {
            socket.connect(new InetSocketAddress(host(), port), 1000);
            socket.setSoTimeout(1000);
            socket.getOutputStream().write("srvr".getBytes(StandardCharsets.US_ASCII));
            return new String(socket.getInputStream().readAllBytes(), StandardCharsets.US_ASCII).contains("Mode:");
        } catch (IOException notYet) {
            return false;
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

    @Override
    public String address() {
        return host() + ":" + port;
    }

    /** The value of a node; empty if there is none, or nobody answers. */
    String get(String path) {
        try {
            ZooKeeper client = new ZooKeeper(address(), 10_000, event -> {});
            try {
                return new String(client.getData(path, false, null), StandardCharsets.UTF_8);
            } finally {
                client.close();
            }
        } catch (KeeperException | IOException notThere) {
            return "";
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted", e);
        }
    }
}
