package dev.matriarch.chaos;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** The connection strings of docs/clients.md, watched through a switchover and the death of a host's processes. */
class ClientsIT {
    private static final Duration WHOLE = Duration.ofSeconds(60);
    private static final Cluster.Profile PROFILE = Cluster.Profile.APPLIANCE;

    private static Cluster cluster;

    @RegisterExtension
    final LogsOnFailure logs = new LogsOnFailure(() -> cluster);

    @BeforeAll
    static void up() {
        cluster = Cluster.start(PROFILE, 3);
    }

    @AfterAll
    static void down() {
        if (cluster != null) {
            cluster.close();
        }
    }

    private static String each(Function<Node, String> part) {
        return cluster.nodes().stream().map(part).collect(Collectors.joining(","));
    }

    /** The address of the server that a psql with this string of several hosts ends at; empty if at none. */
    private static Optional<String> libpq(String targetSessionAttrs) throws IOException {
        String dsn = "host=" + each(Node::host) + " port=" + each(n -> Integer.toString(n.port()))
                + " dbname=postgres user=postgres connect_timeout=3 target_session_attrs=" + targetSessionAttrs;
        String bin = Stream.concat(
                        Files.readAllLines(cluster.nodes().getFirst().config()).stream()
                                .map(String::strip)
                                .filter(l -> l.startsWith("bin_dir: "))
                                .map(l -> l.substring("bin_dir: ".length())),
                        Stream.of("/usr/bin"))
                .findFirst()
                .orElseThrow();
        Commands.Result result = Commands.run(
                Duration.ofSeconds(30),
                Map.of("PGPASSWORD", cluster.nodes().getFirst().password()),
                List.of(bin + "/psql", "-qAtX", "-c", "select host(inet_server_addr())", dsn));
        return result.exitCode() == 0 ? Optional.of(result.output().strip()) : Optional.empty();
    }

    private static Optional<String> jdbc(String targetServerType) {
        Properties properties = new Properties();
        properties.put("user", "postgres");
        properties.put("password", cluster.nodes().getFirst().password());
        String url = "jdbc:postgresql://" + each(n -> n.host() + ":" + n.port()) + "/postgres?targetServerType="
                + targetServerType + "&hostRecheckSeconds=1&connectTimeout=2&loginTimeout=10&socketTimeout=10";
        try (Connection connection = DriverManager.getConnection(url, properties)) {
            return Optional.of(Cluster.query(connection, "select host(inet_server_addr())"));
        } catch (SQLException notNow) {
            return Optional.empty();
        }
    }

    private static void bothReach(Node primary) throws IOException {
        String address = primary.host();
        Await.value("libpq reaches " + primary, WHOLE, () -> {
            try {
                return libpq("read-write").filter(address::equals);
            } catch (IOException e) {
                throw new java.io.UncheckedIOException(e);
            }
        });
        Await.value(
                "the JDBC driver reaches " + primary,
                WHOLE,
                () -> jdbc("primary").filter(address::equals));
    }

    @Test
    void stringsOfSeveralHostsAlwaysEndAtThePrimary() throws Exception {
        Node first = cluster.awaitWhole(WHOLE);
        bothReach(first);
        assertNotEquals(first.host(), libpq("prefer-standby").orElseThrow());
        assertNotEquals(first.host(), jdbc("preferSecondary").orElseThrow());

        cluster.ctl("switchover", "--force").expectSuccess();
        Node second = cluster.awaitPrimaryOtherThan(first, WHOLE);
        bothReach(second);
        cluster.awaitWhole(WHOLE);

        Faults.HOST.strike(second);
        Node third = cluster.awaitPrimaryOtherThan(second, WHOLE);
        bothReach(third);
        assertEquals(
                Optional.of(third.host()),
                jdbc("any").map(any -> jdbc("primary").orElse("")));
    }
}
