package dev.matriarch.ctl;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.StringReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class ShowConfigTest {
    private FakeAgent agent;
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private final ByteArrayOutputStream err = new ByteArrayOutputStream();

    @BeforeEach
    void start() throws IOException {
        agent = new FakeAgent().start();
    }

    @AfterEach
    void stop() {
        agent.close();
    }

    private int run(String... arguments) {
        out.reset();
        err.reset();
        List<String> all = new ArrayList<>(List.of("--endpoint", agent.endpoint(), "show-config"));
        all.addAll(List.of(arguments));
        return Matriarchctl.run(
                all.toArray(String[]::new),
                new Terminal(
                        new BufferedReader(new StringReader("")),
                        new PrintStream(out, true, StandardCharsets.UTF_8),
                        new PrintStream(err, true, StandardCharsets.UTF_8),
                        Map.of()));
    }

    @Test
    void everyValueInForceIsShownWithItsSource() {
        assertEquals(0, run("--effective"), err::toString);
        assertEquals("""
                # in force on member n1
                ttl: 5   # cluster-wide configuration
                postgresql.listen: 10.0.0.1:5432   # /etc/m.yml:12
                """, out.toString());
        assertEquals(0, run("--effective", "demo", "n2"));
        assertTrue(out.toString().startsWith("# in force on member n2\n"), out::toString);
        assertEquals(0, run("--effective", "n2", "--format", "json"));
        assertTrue(out.toString().contains("\"Source\""), out::toString);
    }

    @Test
    void whoIsAskedForInVainIsNamed() {
        assertEquals(1, run("--effective", "n9"));
        assertTrue(err.toString().contains("n9 is not a member"), err::toString);
        assertEquals(1, run("--effective", "other", "n1"));
        assertEquals(2, run("demo", "n1"));
    }
}
