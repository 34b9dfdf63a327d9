package dev.matriarch.chaos;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Debian's PgBouncer with the shipped configuration, and beside it {@code matriarchctl render}, which writes its list of databases.
 * Both run as the user of the servers.
 */
final class Pooler implements AutoCloseable {
    /** As shipped. */
    private static final int PORT = 6432;

    /** Before the offset of the cluster; {@link PortRange} keeps it free. */
    private static final int BASE_PORT = 6433;

    private final Path home;
    private final int port;
    private final Cluster cluster;
    private final String admin = "matriarch";
    private final String adminPassword = "not-a-secret";
    private Daemon renderer;
    private Daemon pgbouncer;

    /** Where it is: {@code ./check} unpacks it. */
    static Optional<Path> program() {
        String named = System.getenv("MATRIARCH_PGBOUNCER");
        Path unpacked = Path.of("/var/cache/matriarch-tests/pgbouncer/usr/sbin/pgbouncer");
        return Optional.of(named == null ? unpacked : Path.of(named)).filter(Files::isExecutable);
    }

    Pooler(Cluster cluster) {
        this.cluster = cluster;
        this.home = cluster.directory().resolve("pgbouncer");
        this.port = BASE_PORT + cluster.portOffset();
    }

    int port() {
        return port;
    }

    Path databases() {
        return home.resolve("databases.ini");
    }

    /** What a member's before_stop and callbacks call. */
    String hook(Node node) {
        return cluster.directory().resolve("dist/scripts/matriarch-pgbouncer") + " --address " + node.host() + ":"
                + node.port() + " --deadline 20 --pooler 'host=127.0.0.1 port=" + port + " user=" + admin + " passfile="
                + home.resolve("pgpass") + "'";
    }

    /** The same with one more PgBouncer, which takes connections and says nothing. */
    String hookWithASilentOne(Node node, int silentPort) {
        return hook(node) + " --pooler 'host=127.0.0.1 port=" + silentPort + " user=" + admin + "'";
    }

    void start(Path program) throws IOException {
        Node node = cluster.nodes().getFirst();
        Files.createDirectory(home);
        write("pgpass", "*:*:*:" + admin + ":" + adminPassword + "\n");
        write(
                "userlist.txt",
                "\"postgres\" \"" + node.password() + "\"\n\"" + admin + "\" \"" + adminPassword + "\"\n");
        Path conf = cluster.directory().resolve("dist/conf");
        write(
                "pgbouncer.ini",
                Files.readString(conf.resolve("pgbouncer.ini"))
                        .replace("/etc/pgbouncer/", home + "/")
                        .replace("/var/run/postgresql", home.toString())
                        .replace("/var/log/postgresql", home.toString())
                        .replace("listen_port = " + PORT, "listen_port = " + port));
        Files.setOwner(home, Files.getOwner(node.dataDirectory()));
        renderer = new Daemon(
                cluster.directory().resolve("render.log"),
                Map.of(),
                List.of(
                        cluster.directory().resolve("bin/matriarchctl").toString(),
                        "-c",
                        node.config().toString(),
                        "render",
                        conf.resolve("pgbouncer-databases.ini.mustache").toString(),
                        "--out",
                        databases().toString(),
                        "--exec",
                        "test ! -e " + home + "/pgbouncer.pid || kill -HUP $(cat " + home + "/pgbouncer.pid)",
                        "--watch",
                        "0.5"));
        Await.until("the list of databases is written", Duration.ofSeconds(60), () -> Files.exists(databases()));
        pgbouncer = new Daemon(
                cluster.directory().resolve("pgbouncer.out"),
                Daemon.librariesOf(program),
                asTheServersUser(
                        node, program.toString(), home.resolve("pgbouncer.ini").toString()));
    }

    private static List<String> asTheServersUser(Node node, String program, String configuration) throws IOException {
        if (!"root".equals(System.getProperty("user.name"))) {
            return List.of(program, configuration);
        }
        String user = Files.getOwner(node.dataDirectory()).getName();
        return List.of("setpriv", "--reuid=" + user, "--regid=" + user, "--clear-groups", program, configuration);
    }

    private void write(String name, String content) throws IOException {
        Path file = Files.writeString(home.resolve(name), content);
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
        Files.setOwner(file, Files.getOwner(cluster.nodes().getFirst().dataDirectory()));
    }

    @Override
    public String toString() {
        return "pgbouncer " + pgbouncer + "\nrender " + renderer;
    }

    @Override
    public void close() {
        if (pgbouncer != null) {
            pgbouncer.close();
        }
        if (renderer != null) {
            renderer.close();
        }
    }
}
