package dev.matriarch.agent;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

/** What runs first in a container: here in a name space of processes of its own, with a shell for an agent. */
class InitScriptTest {
    private static final String AGENT = """
            trap 'echo reloaded' HUP
            trap 'echo stopping; exit 7' TERM
            (bash -c 'sleep 0.2' &)
            echo ready
            while :; do read -r -t 0.05 <> <(:) || :; done
            """;

    private static Path script() {
        for (Path at = Path.of("").toAbsolutePath(); at != null; at = at.getParent()) {
            Path script = at.resolve("packaging/src/main/dist/libexec/init.sh");
            if (Files.exists(script)) {
                return script;
            }
        }
        throw new AssertionError("there is no packaging/src/main/dist/libexec/init.sh above this folder");
    }

    private static List<String> inNameSpace(String... command) {
        List<String> all = new ArrayList<>(List.of("unshare", "--pid", "--fork", "--kill-child", "--mount-proc"));
        if (!System.getProperty("user.name").equals("root")) {
            all.add("--map-root-user");
        }
        all.addAll(List.of(command));
        return all;
    }

    private static boolean possible() throws Exception {
        Process probe = new ProcessBuilder(inNameSpace("true")).start();
        return probe.waitFor(10, TimeUnit.SECONDS) && probe.exitValue() == 0;
    }

    @Test
    void signalsArriveOrphansAreTakenInAndTheExitCodeIsTheAgents() throws Exception {
        Assumptions.assumeTrue(possible(), "this machine allows no name spaces");
        Process outer = new ProcessBuilder(inNameSpace("bash", script().toString(), "bash", "-c", AGENT))
                .redirectErrorStream(true)
                .start();
        try (BufferedReader lines = outer.inputReader()) {
            assertEquals("ready", lines.readLine());
            ProcessHandle first = outer.toHandle().children().findFirst().orElseThrow();
            signal("HUP", first);
            assertEquals("reloaded", lines.readLine());
            long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
            while (first.children().count() > 1) {
                assertTrue(System.nanoTime() < deadline, "the orphan that has ended is not taken in");
                Thread.sleep(20);
            }
            signal("TERM", first);
            assertEquals("stopping", lines.readLine());
            assertTrue(outer.waitFor(20, TimeUnit.SECONDS));
            assertEquals(7, outer.exitValue());
        } finally {
            outer.destroyForcibly();
        }
    }

    private static void signal(String name, ProcessHandle process) throws Exception {
        new ProcessBuilder("kill", "-s", name, Long.toString(process.pid()))
                .start()
                .waitFor(5, TimeUnit.SECONDS);
    }
}
