package dev.matriarch.ctl;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class QueryTest {
    private FakeAgent agent;
    private final Sql real = QueryCommand.sql;
    private final List<String> asked = new ArrayList<>();
    private Sql.Answer answer = new Sql.Rows(List.of("a", "b"), List.of(List.of(1, "x"), List.of(2, "")));

    @TempDir
    private Path directory;

    @BeforeEach
    void start() throws IOException {
        agent = new FakeAgent().start();
        QueryCommand.sql = (member, login, text, recovery) -> {
            asked.add(member.getName() + " " + login + " " + login.password() + " " + text + " " + recovery);
            return answer;
        };
    }

    @AfterEach
    void stop() {
        QueryCommand.sql = real;
        agent.close();
    }

    private CtlRun run(String input, String... arguments) {
        return CtlRun.of(agent, input, arguments);
    }

    private static void said(CtlRun run, int code, String text) {
        assertEquals(code, run.code(), run::toString);
        assertTrue(run.says(text), run::toString);
    }

    @Test
    void theLeaderIsAskedAndRowsArePrinted() {
        said(run("", "query", "-c", "select 1", "-U", "app", "-d", "shop"), 0, "a\tb\n1\tx\n2\t\n");
        assertEquals(List.of("n1 Login[app, shop]  select 1 NO"), asked);
        said(run("", "query", "demo", "--command", "x", "--delimiter", ";"), 0, "a;b\n1;x\n");
        said(run("", "query", "-c", "x", "--format", "json"), 0, "[{\"a\":1,\"b\":\"x\"},{\"a\":2}]");
        said(run("", "query", "-c", "x", "--format", "yaml"), 0, "- a: 1\n  b: x\n");
        said(run("", "query", "-c", "x", "--format", "pretty"), 0, "| a | b |\n+---+---+\n| 1 | x |\n");
        answer = new Sql.Rows(List.of(), List.of());
        assertEquals("", run("", "query", "-c", "create table t ()").out());
    }

    @Test
    void theMemberThatIsMeantIsAsked() throws IOException {
        run("", "query", "-m", "n3", "-c", "x");
        run("s3cret\n", "query", "-r", "replica", "-U", "app", "--password", "-c", "y");
        Path file = Files.writeString(directory.resolve("q.sql"), "select 2");
        CtlRun.of(
                Map.of("PGUSER", "u", "PGDATABASE", "d", "PGPASSWORD", "p"),
                "",
                "--config-file",
                Files.writeString(directory.resolve("c.yml"), "ctl: {endpoints: ['" + agent.endpoint() + "']}")
                        .toString(),
                "query",
                "-r",
                "any",
                "-f",
                file.toString());
        assertTrue(asked.get(0).startsWith("n3 ") && asked.get(0).endsWith(" x EITHER"), asked::toString);
        assertTrue(asked.get(1).matches("n[23] Login\\[app, app] s3cret y YES"), asked::toString);
        assertTrue(asked.get(2).endsWith(" Login[u, d] p select 2 EITHER"), asked::toString);
    }

    @Test
    void whatCannotBeDoneIsSaidInARow() throws IOException {
        answer = new Sql.Failed("42P01", "relation \"t\" does not exist");
        CtlRun failed = run("", "query", "-c", "x");
        said(failed, 1, "\tERROR, SQLSTATE: 42P01\n");
        said(failed, 1, "n1: relation \"t\" does not exist");
        answer = new Sql.NoConnection("refused");
        said(run("", "query", "-c", "x"), 1, "\tNo connection to role leader is available\n");
        said(run("", "query", "-c", "x", "-r", "any"), 1, "\tNo connection is available\n");
        said(run("", "query", "-c", "x", "-m", "n9"), 1, "\tNo connection to member n9 is available\n");
        said(
                run("", "query", "-c", "x", "-m", "n9", "--format", "json"),
                1,
                "\"Message\":\"No connection to member n9 is available\"");
        said(run("", "query"), 2, "You need to specify either --command or --file");
        said(run("", "query", "-c", "x", "-f", "y"), 2, "mutually exclusive");
        said(run("", "query", "-c", "x", "-r", "any", "-m", "n1"), 2, "mutually exclusive");
        QueryCommand.sql = real;
        int free;
        try (ServerSocket socket = new ServerSocket(0)) {
            free = socket.getLocalPort();
        }
        agent.cluster = agent.cluster.toBuilder()
                .setMembers(
                        0,
                        agent.cluster.getMembers(0).toBuilder()
                                .setHost("127.0.0.1")
                                .setPort(free))
                .build();
        said(run("", "query", "-c", "x"), 1, "n1: Connection to 127.0.0.1:" + free + " refused");
    }

    @Test
    void theConfigurationFileKeepsItsLongNameThere() throws IOException {
        Path file = Files.writeString(directory.resolve("c.yml"), "ctl: {endpoints: ['" + agent.endpoint() + "']}");
        said(CtlRun.of(Map.of(), "", "-c", file.toString(), "query", "-c", "x"), 0, "a\tb\n");
        said(CtlRun.of(Map.of(), "", "query", "--config-file", file.toString(), "-c", "x"), 0, "a\tb\n");
        said(CtlRun.of(Map.of(), "", "list", "-c", file.toString()), 0, "Cluster: demo");
    }
}
