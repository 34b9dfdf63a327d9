package dev.matriarch.image;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import com.github.dockerjava.api.model.AccessMode;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.BooleanSupplier;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.testcontainers.containers.GenericContainer;
import org.testcontainers.containers.Network;
import org.testcontainers.containers.output.OutputFrame;
import org.testcontainers.containers.startupcheck.OneShotStartupCheckStrategy;
import org.testcontainers.lifecycle.Startables;
import org.testcontainers.utility.DockerImageName;

/**
 * The three containers of packaging/image/compose.yaml, with a client that goes on writing through all of it. One cluster lives
 * through these tests, in their order.
 */
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class ImageIT {
    private static final String IMAGE = System.getProperty("image");
    private static final Set<String> NAMES = Set.of("pg1", "pg2", "pg3");
    /** Generous: the machine may be busy. */
    private static final Duration LONG = Duration.ofMinutes(5);

    /** A row for each connection; what was acknowledged is printed. */
    private static final String WRITER = """
            n=0
            while :; do
                n=$((n + 1))
                timeout 10 psql -qAtX -c "insert into kept values ($n) returning n" \
                    "host=pg1,pg2,pg3 user=postgres dbname=postgres target_session_attrs=read-write connect_timeout=2"
                sleep 0.2
            done
            """;

    private static Network network;
    private static List<Member> members;
    private static GenericContainer<?> writer;

    @BeforeAll
    static void composeUp() throws Exception {
        network = Network.newNetwork();
        members = new ArrayList<>();
        Map<String, ComposeFile.Service> services = ComposeFile.services(
                Path.of(System.getProperty("compose")),
                Map.of("MATRIARCH_IMAGE", IMAGE, "SUPERUSER_PASSWORD", "secret-1", "REPLICATION_PASSWORD", "secret-2"));
        makeAuthority();
        services.forEach((name, service) -> members.add(new Member(name, IMAGE, service, network)));
        Startables.deepStart(members.stream().map(m -> m.container)).join();
        writer = new GenericContainer<>(DockerImageName.parse(IMAGE))
                .withNetwork(network)
                .withEnv("PGPASSWORD", "secret-1")
                .withCreateContainerCmdModifier(command -> command.withEntrypoint("bash", "-c", WRITER));
    }

    /** As the compose file says, and given to the containers' user. */
    private static void makeAuthority() {
        String file = "/run/secrets/" + Member.AUTHORITY;
        try (GenericContainer<?> maker = new GenericContainer<>(DockerImageName.parse(IMAGE))
                .withStartupCheckStrategy(new OneShotStartupCheckStrategy().withTimeout(LONG))
                .withCreateContainerCmdModifier(command -> {
                    command.withUser("0")
                            .withEntrypoint(
                                    "sh",
                                    "-ec",
                                    "umask 077; matriarch cluster authority --scope demo - >" + file
                                            + "; chown 999:999 " + file);
                    command.getHostConfig().withBinds(Member.secrets(network, AccessMode.rw));
                })) {
            maker.start();
        }
    }

    @AfterAll
    static void composeDown() {
        if (writer != null) {
            writer.stop();
        }
        if (members != null) {
            members.forEach(Member::remove);
            members.stream().findFirst().ifPresent(Member::removeSecrets);
        }
        if (network != null) {
            network.close();
        }
    }

    @Test
    @Order(1)
    void whatTheComposeFileSaysIsACluster() {
        await("one leads and two stream", () -> streaming(NAMES));
        Member leader = leader();
        assertTrue(leader.sql("create table kept (n int)").isPresent());
        writer.start();
        await("rows are acknowledged", () -> acknowledged().size() > 3);
        for (Member member : members) {
            assertEquals(
                    "999 999", member.run("sh", "-c", "echo $(id -u) $(id -g)").orElse(""), member.name);
            assertTrue(member.run("touch", "/var/lib/x").isEmpty(), "the root of " + member.name + " can be written");
            // One tree: everything but what was executed from outside comes from the first process, and nothing of it
            // is dead.
            assertEquals(
                    "bash",
                    member.run("ps", "-o", "comm=", "-p", "1").orElse(""),
                    "the first process, which takes in orphans");
            await(
                    "nothing on " + member.name + " is dead and not taken in",
                    () -> member.run("sh", "-c", "! ps -eo stat= | grep -q '^Z'")
                            .isPresent());
            assertTrue(
                    member.run("sh", "-c", "grep -q matriarch.aot /proc/[0-9]*/maps")
                            .isPresent(),
                    "the agent of " + member.name + " started without its AOT cache");
        }
        assertTrue(leader.run("matriarchctl", "list").orElse("").contains("Leader"), "matriarchctl in a container");
        String certificates =
                leader.run("matriarchctl", "cert", "status", "-o", "tsv").orElse("a note on one of them");
        for (String name : NAMES) {
            assertTrue(certificates.contains(name + "\town\tO=demo,CN=" + name + "\t"), certificates);
        }
        assertTrue(
                leader.run(
                                "env",
                                "-u",
                                "MATRIARCHCTL_CONFIG_FILE",
                                "matriarchctl",
                                "--endpoint",
                                leader.name + ":8009",
                                "list")
                        .isEmpty(),
                "somebody without a certificate was answered");
    }

    @Test
    @Order(2)
    void oneThatIsKilledIsReplacedAndComesBack() {
        Member killed = leader();
        killed.kill();
        Member next = replaced(killed);
        writesGoOn();
        killed.start();
        await(killed.name + " streams again", () -> streaming(NAMES));
        assertEquals(next.name, leader().name);
    }

    @Test
    @Order(3)
    void oneThatIsCutOffTheNetworkStopsLeadingAndComesBack() {
        Member cut = leader();
        String address = cut.address();
        cut.cutOff();
        replaced(cut);
        writesGoOn();
        // Not later than the lease, which ended before the next one could take the lock.
        assertNotEquals(Optional.of("f"), cut.sql("select pg_is_in_recovery()"), cut.name + " is a second primary");
        try (GenericContainer<?> other = new GenericContainer<>(DockerImageName.parse(IMAGE))
                .withNetwork(network)
                .withCreateContainerCmdModifier(command -> command.withEntrypoint("sleep", "1000"))) {
            // Gets the address that has just become free, so that the others have to look the name up again.
            other.start();
            cut.reconnect();
            assertNotEquals(address, cut.address());
            await(cut.name + " streams again", () -> streaming(NAMES));
        }
        writesGoOn();
    }

    @Test
    @Order(4)
    void oneThatIsStoppedHandsOverAndEndsInOrder() {
        Member stopped = leader();
        stopped.stop(Duration.ofMinutes(2));
        assertEquals(143, stopped.exitCode(), "how the first process ended");
        replaced(stopped);
        writesGoOn();
        stopped.start();
        await(stopped.name + " streams again", () -> streaming(NAMES));
    }

    @Test
    @Order(5)
    void whatWasAcknowledgedIsThereAndOneLeads() {
        writer.stop();
        Set<Integer> acknowledged = acknowledged();
        Set<Integer> there = leader().sql("select n from kept")
                .orElseThrow()
                .lines()
                .map(Integer::valueOf)
                .collect(Collectors.toSet());
        acknowledged.removeAll(there);
        assertEquals(Set.of(), acknowledged, "acknowledged rows that are lost");
        assertEquals(
                1,
                members.stream()
                        .filter(m -> m.sql("select pg_is_in_recovery()")
                                .orElseThrow()
                                .equals("f"))
                        .count());
    }

    /** Waits until another one than {@code gone} leads. */
    private static Member replaced(Member gone) {
        await(
                "another than " + gone.name + " leads",
                () -> members.stream().filter(m -> m != gone).anyMatch(ImageIT::leads));
        return members.stream()
                .filter(m -> m != gone)
                .filter(ImageIT::leads)
                .findFirst()
                .orElseThrow();
    }

    private static void writesGoOn() {
        int before = acknowledged().size();
        await("rows are acknowledged again", () -> acknowledged().size() > before + 3);
    }

    /** Exactly these are members, one of them leads, the others stream from it; all agree. */
    private static boolean streaming(Set<String> names) {
        Predicate<Map<String, String>> whole = view -> view.keySet().equals(names)
                && view.values().stream().filter("leader running"::equals).count() == 1
                && view.values().stream()
                                .filter(role -> role.endsWith(" streaming"))
                                .count()
                        == names.size() - 1;
        return members.stream().allMatch(m -> m.view().filter(whole).isPresent());
    }

    private static boolean leads(Member member) {
        return member.run("curl", "--fail", "--silent", "--max-time", "5", "http://127.0.0.1:8008/primary")
                        .isPresent()
                && member.sql("select pg_is_in_recovery()").filter("f"::equals).isPresent();
    }

    private static Member leader() {
        await("one leads", () -> members.stream().anyMatch(ImageIT::leads));
        return members.stream().filter(ImageIT::leads).findFirst().orElseThrow();
    }

    private static Set<Integer> acknowledged() {
        return writer.getLogs(OutputFrame.OutputType.STDOUT)
                .lines()
                .filter(line -> line.matches("\\d+"))
                .map(Integer::valueOf)
                .collect(Collectors.toCollection(HashSet::new));
    }

    private static void await(String what, BooleanSupplier condition) {
        long deadline = System.nanoTime() + LONG.toNanos();
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() > deadline) {
                members.forEach(
                        m -> System.err.println("== " + m.name + ": " + m.view() + "\n" + tail(m.container.getLogs())));
                fail("did not come true in " + LONG.toMinutes() + " min: " + what);
            }
            try {
                Thread.sleep(200);
            } catch (InterruptedException e) {
                throw new IllegalStateException("interrupted", e);
            }
        }
    }

    private static String tail(String log) {
        List<String> lines = log.lines().toList();
        return String.join("\n", lines.subList(Math.max(0, lines.size() - 40), lines.size()));
    }
}
