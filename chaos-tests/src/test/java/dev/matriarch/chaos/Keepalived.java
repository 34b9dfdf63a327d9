package dev.matriarch.chaos;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Debian's keepalived for each node, in a network of its own made of namespaces, with the shipped configuration. There a relay takes
 * the place of the node's agent: nothing of this machine's own network is touched.
 */
final class Keepalived implements AutoCloseable {
    static final String ADDRESS = "10.0.0.100";
    private static final int REST_PORT = 8008;
    private static final Duration QUICK = Duration.ofSeconds(20);

    private final String prefix = "friends" + ProcessHandle.current().pid();
    private final List<Node> nodes;
    private final List<Daemon> daemons = new ArrayList<>();
    private volatile boolean watching;
    private volatile String twoAtOnce = "";
    private Thread watcher;

    /** Where it is: {@code ./check} unpacks it; empty if it could not. */
    static Optional<Path> program() {
        String named = System.getenv("MATRIARCH_KEEPALIVED");
        Path unpacked = Path.of("/var/cache/matriarch-tests/keepalived/usr/sbin/keepalived");
        return Optional.of(named == null ? unpacked : Path.of(named)).filter(Files::isExecutable);
    }

    /** Making namespaces takes rights that a test need not have. */
    static boolean mayMakeNamespaces() {
        return "root".equals(System.getProperty("user.name"))
                && Commands.run(QUICK, "unshare", "--net", "true").exitCode() == 0;
    }

    /** @param home an empty directory of root's */
    Keepalived(Path program, List<Node> nodes, Path shipped, Path home) {
        this.nodes = nodes;
        try {
            String relay = "defaults\n mode tcp\n timeout connect 1s\n timeout client 5s\n timeout server 5s\n";
            network();
            for (Node node : nodes) {
                relay += "listen " + node + "\n bind *:" + REST_PORT + " namespace " + space(node) + "\n server agent "
                        + node.rest().replace("http://", "") + "\n";
            }
            Path relayFile = Files.writeString(home.resolve("relay.cfg"), relay);
            daemons.add(new Daemon(
                    home.resolve("relay.log"),
                    Map.of(),
                    List.of("/usr/sbin/haproxy", "-db", "-f", relayFile.toString())));
            for (Node node : nodes) {
                Path file =
                        Files.writeString(home.resolve(node + ".conf"), configuration(Files.readString(shipped), node));
                daemons.add(new Daemon(
                        home.resolve(node + ".log"),
                        Daemon.librariesOf(program),
                        List.of(
                                "ip",
                                "netns",
                                "exec",
                                space(node),
                                program.toString(),
                                "--dont-fork",
                                "--log-console",
                                "--log-detail",
                                "--vrrp",
                                "--use-file=" + file,
                                "--pid=" + home.resolve(node + ".pid"),
                                "--vrrp_pid=" + home.resolve(node + ".vrrp.pid"))));
            }
        } catch (IOException e) {
            close();
            throw new UncheckedIOException(e);
        } catch (AssertionError e) {
            close();
            throw e;
        }
    }

    private String space(Node node) {
        return prefix + node;
    }

    private int number(Node node) {
        return nodes.indexOf(node) + 1;
    }

    /** Hosts 10.0.0.1, 2, …, as the shipped configuration has them, on one switch, and a client beside them. */
    private void network() {
        String hub = prefix + "hub";
        ip("netns add " + hub);
        ip("-n " + hub + " link add switch type bridge");
        ip("-n " + hub + " addr add 10.0.0.254/24 dev switch");
        ip("-n " + hub + " link set switch up");
        for (Node node : nodes) {
            ip("netns add " + space(node));
            ip("link add eth0 netns " + space(node) + " type veth peer name " + node + " netns " + hub);
            ip("-n " + space(node) + " addr add 10.0.0." + number(node) + "/24 dev eth0");
            ip("-n " + space(node) + " link set lo up");
            ip("-n " + space(node) + " link set eth0 up");
            ip("-n " + hub + " link set " + node + " master switch");
            ip("-n " + hub + " link set " + node + " up");
        }
    }

    private static void ip(String words) {
        Commands.run(QUICK, ("ip " + words).split(" ")).expectSuccess();
    }

    /** The shipped file is that of 10.0.0.1; where it says so a host puts what differs. */
    private String configuration(String shipped, Node node) {
        String peers = nodes.stream()
                .filter(n -> n != node)
                .map(n -> "        10.0.0." + number(n) + "\n")
                .collect(Collectors.joining());
        return shipped.replaceFirst("unicast_src_ip 10\\.0\\.0\\.1\n", "unicast_src_ip 10.0.0." + number(node) + "\n")
                .replaceFirst("(?s)(unicast_peer \\{\n).*?(    \\})", "$1" + peers + "$2")
                .replaceFirst("router_id pg1", "router_id " + node);
    }

    /** The nodes that have the address at this moment, one look after the other. */
    private Set<String> look() {
        String script = nodes.stream()
                .map(n -> "ip -n " + space(n) + " -4 addr show dev eth0 | grep -q 'inet " + ADDRESS + "/' && echo " + n)
                .collect(Collectors.joining("; ", "", "; true"));
        return new HashSet<>(
                Commands.run(QUICK, "sh", "-c", script).output().lines().toList());
    }

    /** Those that have it in two looks: what moves between the first and the last of one look is seen at both. */
    Set<String> holders() {
        Set<String> holders = look();
        if (holders.size() > 1) {
            holders.retainAll(look());
        }
        return holders;
    }

    /** Until {@link #endWatch}: is it ever at two? */
    void watch() {
        watching = true;
        watcher = Thread.ofPlatform().daemon().name("address").start(() -> {
            while (watching) {
                Set<String> now = holders();
                if (now.size() > 1) {
                    twoAtOnce = now.toString();
                }
                Await.pause(100);
            }
        });
    }

    /** @return the nodes that had it at the same time; empty if it was never at two */
    String endWatch() {
        watching = false;
        try {
            watcher.join(30_000);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        return twoAtOnce;
    }

    /** Whom a client reaches at the address. */
    Optional<String> answers() {
        Commands.Result result = Commands.run(
                QUICK,
                "ip",
                "netns",
                "exec",
                prefix + "hub",
                "curl",
                "--silent",
                "--max-time",
                "2",
                "http://" + ADDRESS + ":" + REST_PORT + "/patroni");
        return nodes.stream()
                .map(Node::name)
                .filter(name -> result.output().contains("\"name\":\"" + name + "\""))
                .findFirst();
    }

    @Override
    public String toString() {
        return daemons.stream().map(Daemon::toString).collect(Collectors.joining("\n"));
    }

    @Override
    public void close() {
        watching = false;
        daemons.reversed().forEach(Daemon::close);
        for (Node node : nodes) {
            Commands.run(QUICK, "ip", "netns", "del", space(node));
        }
        Commands.run(QUICK, "ip", "netns", "del", prefix + "hub");
    }
}
