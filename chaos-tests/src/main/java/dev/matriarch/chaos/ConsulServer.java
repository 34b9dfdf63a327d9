package dev.matriarch.chaos;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** A real Consul of one server on a loopback address; its sessions are as long as it lets them be by itself. */
public final class ConsulServer implements AutoCloseable {
    private static final Duration UP = Duration.ofSeconds(30);

    private final Path directory;
    private final int port;
    private final Process process;

    public ConsulServer(Path directory) {
        this.directory = directory;
        this.port = freePort();
        try {
            Files.createDirectories(directory);
            Path file = Files.writeString(directory.resolve("consul.json"), """
                    {"server": true, "bootstrap_expect": 1, "bind_addr": "127.0.0.1", "client_addr": "127.0.0.1",
                     "node_name": "c", "data_dir": "%s", "performance": {"raft_multiplier": 1},
                     "leave_on_terminate": false, "disable_update_check": true, "disable_host_node_id": true,
                     "ports": {"http": %d, "server": %d, "serf_lan": %d, "serf_wan": -1, "dns": -1, "grpc": -1}}
                    """.formatted(
                            directory.resolve("data"), port, freePort(), freePort()));
            process = new ProcessBuilder(program(), "agent", "-config-file=" + file)
                    .redirectErrorStream(true)
                    .redirectOutput(ProcessBuilder.Redirect.appendTo(
                            directory.resolve("consul.log").toFile()))
                    .start();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        Await.until("Consul leads", UP, () -> ask("status/leader").contains(":"));
    }

    private static int freePort() {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** {@code ./check} says where it is; else it may be installed. */
    private static String program() {
        String named = System.getenv("MATRIARCH_CONSUL");
        if (named != null) {
            return named;
        }
        for (String place : List.of("/usr/bin/consul", "/var/cache/matriarch-tests/consul/usr/bin/consul")) {
            if (Files.isExecutable(Path.of(place))) {
                return place;
            }
        }
        throw new AssertionError("no consul was found: ./check unpacks one; or let MATRIARCH_CONSUL name the program");
    }

    /** {@code host:port} of its HTTP API. */
    public String address() {
        return "127.0.0.1:" + port;
    }

    private String ask(String path) {
        return Http.get("http://" + address() + "/v1/" + path, Duration.ofSeconds(3))
                .filter(reply -> reply.statusCode() == 200)
                .map(HttpResponse::body)
                .orElse("");
    }

    /** The value of a key; empty if there is none, or nobody answers. */
    public String get(String key) {
        return ask("kv/" + key + "?raw");
    }

    /** The healthy instances of a service with this tag, as Consul says it; {@code []} if there are none. */
    public String services(String name, String tag) {
        return ask("health/service/" + name + "?passing&tag=" + tag).strip();
    }

    /** It hangs: connections stay open, nobody answers. */
    public void freeze() {
        Processes.signal("STOP", List.of(process.pid()));
    }

    public void thaw() {
        Processes.signal("CONT", List.of(process.pid()));
    }

    @Override
    public void close() {
        process.destroyForcibly();
        try {
            if (!process.waitFor(10, TimeUnit.SECONDS)) {
                throw new AssertionError("Consul does not end");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        Commands.run(Duration.ofSeconds(20), Map.of(), List.of("rm", "-rf", directory.toString()));
    }
}
