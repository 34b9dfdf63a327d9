package dev.matriarch.chaos;

import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A network namespace with one link to this machine. While it is cut off packets are lost in both directions, and nobody is told:
 * no port refuses, no connection ends. Needs root.
 */
public final class Island implements AutoCloseable {
    private static final Duration QUICK = Duration.ofSeconds(20);
    private static final Path NAMES = Path.of("/run/netns");
    /** Of those that may exist at the same time on one machine. */
    private static final int MOST = 200;

    private final String name;
    private final String subnet;

    private Island(int number) {
        this.name = "matriarch-" + number;
        this.subnet = "10.85." + number + ".";
    }

    /** Empty if this machine does not let us; then that is printed. */
    public static Optional<Island> make() {
        for (int number = 1; number <= MOST; number++) {
            Island island = new Island(number);
            // Whoever makes the name has the number.
            if (!run("ip", "netns", "add", island.name)) {
                if (Files.exists(NAMES.resolve(island.name))) {
                    continue;
                }
                break;
            }
            String shore = "mtrrch" + number;
            boolean linked =
                    run("ip", "link", "add", shore, "type", "veth", "peer", "name", "eth0", "netns", island.name)
                            && run("ip", "addr", "add", island.subnet + "1/30", "dev", shore)
                            && run("ip", "link", "set", shore, "up")
                            && island.runs("ip", "addr", "add", island.host() + "/30", "dev", "eth0")
                            && island.runs("ip", "link", "set", "eth0", "up")
                            && island.runs("ip", "link", "set", "lo", "up")
                            && island.runs("iptables", "-w", "-F");
            if (linked) {
                return Optional.of(island);
            }
            island.close();
            break;
        }
        System.out.println("*** SKIPPED: nothing can be cut off here, which needs root, iproute2 and iptables;"
                + " the store is stopped instead");
        return Optional.empty();
    }

    private static boolean run(String... command) {
        try {
            return Commands.run(QUICK, Map.of(), List.of(command)).exitCode() == 0;
        } catch (UncheckedIOException notInstalled) {
            return false;
        }
    }

    private boolean runs(String... command) {
        return run(there(List.of(command)).toArray(String[]::new));
    }

    /** The address at which this machine reaches it. */
    public String host() {
        return subnet + "2";
    }

    /** The command as it is run there; its process is the same one. */
    public List<String> there(List<String> command) {
        List<String> all = new ArrayList<>(List.of("ip", "netns", "exec", name));
        all.addAll(command);
        return all;
    }

    public void cut() {
        for (String[] way : new String[][] {{"INPUT", "-i"}, {"OUTPUT", "-o"}}) {
            Commands.run(QUICK, Map.of(), there(List.of("iptables", "-w", "-A", way[0], way[1], "eth0", "-j", "DROP")))
                    .expectSuccess();
        }
    }

    public void heal() {
        Commands.run(QUICK, Map.of(), there(List.of("iptables", "-w", "-F"))).expectSuccess();
    }

    /** Nobody may live there any more. The link goes with it. */
    @Override
    public void close() {
        run("ip", "netns", "del", name);
    }
}
