package dev.matriarch.chaos;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Base64;
import java.util.List;
import java.util.Optional;

/** A real etcd of one member. */
public final class EtcdServer extends StoreServer {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Duration LONG = Duration.ofSeconds(30);

    private final int clientPort = freePort();
    private final int peerPort = freePort();

    public EtcdServer(Path directory) {
        this(directory, Optional.empty());
    }

    /** @param island where it lives */
    public EtcdServer(Path directory, Optional<Island> island) {
        super(directory, island);
        start();
    }

    /** {@code ./check} says where it is; else it may be installed. */
    private static String program() {
        String named = System.getenv("MATRIARCH_ETCD");
        if (named != null) {
            return named;
        }
        for (String place : List.of("/usr/bin/etcd", "/var/cache/matriarch-tests/etcd/usr/bin/etcd")) {
            if (Files.isExecutable(Path.of(place))) {
                return place;
            }
        }
        throw new AssertionError("no etcd was found: ./check unpacks one; or let MATRIARCH_ETCD name the program");
    }

    @Override
    protected List<String> command(Path directory, Path data) {
        String peer = "http://127.0.0.1:" + peerPort;
        return List.of(
                program(),
                "--name=e",
                "--data-dir=" + data,
                "--listen-client-urls=http://" + address(),
                "--advertise-client-urls=http://" + address(),
                "--listen-peer-urls=" + peer,
                "--initial-advertise-peer-urls=" + peer,
                "--initial-cluster=e=" + peer,
                "--enable-v2=true");
    }

    @Override
    protected boolean answers() {
        return Http.status("http://" + address() + "/health", Duration.ofSeconds(1)) == 200;
    }

    @Override
    public String address() {
        return host() + ":" + clientPort;
    }

    /** The value of a key; empty if there is none, or nobody answers. */
    public String get(String key) {
        String body = "{\"key\":\"" + Base64.getEncoder().encodeToString(key.getBytes(StandardCharsets.UTF_8)) + "\"}";
        return Http.post("http://" + address() + "/v3/kv/range", body, Duration.ofSeconds(3))
                .filter(reply -> reply.statusCode() == 200)
                .map(reply -> {
                    try {
                        String value = JSON.readTree(reply.body())
                                .path("kvs")
                                .path(0)
                                .path("value")
                                .asText("");
                        return new String(Base64.getDecoder().decode(value), StandardCharsets.UTF_8);
                    } catch (IOException e) {
                        throw new UncheckedIOException(e);
                    }
                })
                .orElse("");
    }

    /** The same of a key of its v2 API. */
    public String getV2(String key) {
        return Http.get("http://" + address() + "/v2/keys" + key + "?quorum=true", Duration.ofSeconds(3))
                .filter(reply -> reply.statusCode() == 200)
                .map(reply -> {
                    try {
                        return JSON.readTree(reply.body())
                                .path("node")
                                .path("value")
                                .asText("");
                    } catch (IOException e) {
                        throw new UncheckedIOException(e);
                    }
                })
                .orElse("");
    }

    /** From now on it asks who somebody is; this user may do everything. */
    public void askForPasswords(String user, String password) {
        for (String[] order : new String[][] {
            {"role/add", "{\"name\": \"root\"}"},
            {"user/add", "{\"name\": \"root\", \"password\": \"" + password + "\"}"},
            {"user/grant", "{\"user\": \"root\", \"role\": \"root\"}"},
            {"user/add", "{\"name\": \"" + user + "\", \"password\": \"" + password + "\"}"},
            {"user/grant", "{\"user\": \"" + user + "\", \"role\": \"root\"}"},
            {"enable", "{}"}
        }) {
            Http.post("http://" + address() + "/v3/auth/" + order[0], order[1], LONG)
                    .filter(reply -> reply.statusCode() == 200)
                    .orElseThrow(() -> new AssertionError("etcd refuses auth/" + order[0]));
        }
    }
}
