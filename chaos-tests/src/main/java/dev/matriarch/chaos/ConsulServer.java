package dev.matriarch.chaos;

import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/** A real Consul of one server on a loopback address; its sessions are as long as it lets them be by itself. */
public final class ConsulServer extends StoreServer {
    private final int port = freePort();
    private final int serverPort = freePort();
    private final int gossipPort = freePort();

    public ConsulServer(Path directory) {
        // Its checks go to the members' loopback addresses.
        super(directory, Optional.empty());
        start();
    }

    @Override
    protected List<String> command(Path directory, Path data) throws IOException {
        Path file =
                Files.writeString(directory.resolve("consul.json"), """
                {"server": true, "bootstrap_expect": 1, "bind_addr": "127.0.0.1", "client_addr": "127.0.0.1",
                 "node_name": "c", "data_dir": "%s", "performance": {"raft_multiplier": 1},
                 "leave_on_terminate": false, "disable_update_check": true, "disable_host_node_id": true,
                 "ports": {"http": %d, "server": %d, "serf_lan": %d, "serf_wan": -1, "dns": -1, "grpc": -1}}
                """.formatted(data, port, serverPort, gossipPort));
        return List.of(program(), "agent", "-config-file=" + file);
    }

    @Override
    protected boolean answers() {
        return ask("status/leader").contains(":");
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

    @Override
    public String address() {
        return host() + ":" + port;
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
}
