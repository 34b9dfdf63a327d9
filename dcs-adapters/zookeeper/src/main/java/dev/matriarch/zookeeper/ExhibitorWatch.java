package dev.matriarch.zookeeper;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.matriarch.zookeeper.ZooKeeperSettings.Exhibitor;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Asks Exhibitor from time to time which servers ZooKeeper has. What was known stays, as long as nobody names others. */
final class ExhibitorWatch implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(ExhibitorWatch.class);
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String PATH = "/exhibitor/v1/cluster/list";
    private static final Duration ANSWER = Duration.ofMillis(3100);
    private static final Duration UNTIL_FIRST = Duration.ofSeconds(5);

    private final Exhibitor how;
    private final Consumer<List<URI>> told;
    private final HttpClient http =
            HttpClient.newBuilder().connectTimeout(ANSWER).build();
    private final Thread thread;

    /** Hosts of ZooKeeper run Exhibitor, too; those of the configuration may be gone one day. */
    private List<URI> known = List.of();

    private List<URI> servers = List.of();

    /** @param told each time that the servers have changed, from a thread of its own */
    ExhibitorWatch(Exhibitor how, Consumer<List<URI>> told) {
        this.how = how;
        this.told = told;
        this.thread = Thread.ofVirtual().name("exhibitor").start(this::watch);
    }

    private void watch() {
        try {
            while (true) {
                Optional<List<URI>> answer = ask(known).or(() -> ask(how.addresses()));
                answer.ifPresent(this::takeUp);
                if (answer.isEmpty()) {
                    LOG.info(
                            servers.isEmpty()
                                    ? "waiting on exhibitor"
                                    : "Exhibitor does not answer; the servers of ZooKeeper stay those that it has named");
                }
                boolean soon = servers.isEmpty() && UNTIL_FIRST.compareTo(how.interval()) < 0;
                Thread.sleep(soon ? UNTIL_FIRST : how.interval());
            }
        } catch (InterruptedException closed) {
            LOG.debug("Exhibitor is asked no more");
        }
    }

    private void takeUp(List<URI> now) {
        if (Set.copyOf(now).equals(Set.copyOf(servers))) {
            return;
        }
        LOG.info("Exhibitor names the servers of ZooKeeper: {}", now);
        servers = now;
        int port = how.addresses().getFirst().getPort();
        known = now.stream()
                .map(server -> URI.create("http://" + hostOf(server) + ":" + port))
                .toList();
        told.accept(now);
    }

    private static String hostOf(URI server) {
        String authority = server.getAuthority();
        return authority.substring(0, authority.lastIndexOf(':'));
    }

    /** The first answer of these, in any order. */
    private Optional<List<URI>> ask(List<URI> exhibitors) {
        List<URI> order = new ArrayList<>(exhibitors);
        Collections.shuffle(order);
        for (URI exhibitor : order) {
            try {
                HttpRequest request = HttpRequest.newBuilder(exhibitor.resolve(PATH))
                        .timeout(ANSWER)
                        .build();
                HttpResponse<String> reply = http.sendAsync(request, HttpResponse.BodyHandlers.ofString())
                        .get(ANSWER.toMillis(), TimeUnit.MILLISECONDS);
                if (reply.statusCode() != 200) {
                    throw new IOException("it answers " + reply.statusCode());
                }
                return Optional.of(servers(reply.body()));
            } catch (InterruptedException closed) {
                Thread.currentThread().interrupt();
                return Optional.empty();
            } catch (ExecutionException | TimeoutException | IOException | IllegalArgumentException e) {
                LOG.debug("Exhibitor at {}: {}", exhibitor, e.toString());
            }
        }
        return Optional.empty();
    }

    /** @throws IOException also if it names nobody: that may not be so */
    private static List<URI> servers(String json) throws IOException {
        JsonNode answer;
        try {
            answer = JSON.readTree(json);
        } catch (JsonProcessingException e) {
            throw new IOException("its answer is not JSON", e);
        }
        int port = answer.path("port").asInt(0);
        Set<URI> servers = new LinkedHashSet<>();
        for (JsonNode host : answer.path("servers")) {
            if (host.isTextual() && !host.asText().isBlank()) {
                String name = host.asText().strip();
                servers.add(URI.create("zk://" + (name.indexOf(':') < 0 ? name : "[" + name + "]") + ":" + port));
            }
        }
        if (servers.isEmpty() || port < 1 || port > 65535) {
            throw new IOException("its answer names no servers");
        }
        return List.copyOf(servers);
    }

    @Override
    public void close() {
        thread.interrupt();
        http.shutdownNow();
    }
}
