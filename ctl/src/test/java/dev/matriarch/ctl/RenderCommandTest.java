package dev.matriarch.ctl;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.proto.control.v1.GetClusterReply;
import dev.matriarch.proto.control.v1.MemberRow;
import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.StringReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A file made of a template and the members, for programs that do not ask health checks. */
@Timeout(60)
class RenderCommandTest {
    @TempDir
    private Path directory;

    private FakeAgent agent;
    private Path template;
    private Path file;
    private Path calls;

    /** The first call of a JVM on a busy machine may take longer than agents are waited for. */
    @BeforeAll
    static void warmUp() throws Exception {
        try (FakeAgent any = new FakeAgent().start()) {
            until(() -> CtlRun.of(any, "", "list").code() == 0);
        }
    }

    @BeforeEach
    void start() throws IOException {
        agent = new FakeAgent().start();
        GetClusterReply.Builder cluster = FakeAgent.threeMembers();
        cluster.getMembersBuilderList().forEach(m -> m.setApiUrl("http://" + m.getHost() + ":8008/patroni"));
        agent.cluster = cluster.build();
        template = directory.resolve("servers.mustache");
        file = directory.resolve("servers");
        calls = directory.resolve("calls");
        template("{{#members}}\n{{name}} {{host}}:{{port}} check {{api_port}}\n{{/members}}\n");
    }

    @AfterEach
    void stop() {
        agent.close();
    }

    private void template(String text) throws IOException {
        Files.writeString(template, text);
    }

    private CtlRun render(String... more) {
        List<String> all = new ArrayList<>(List.of("render", template.toString()));
        all.addAll(List.of(more));
        return CtlRun.of(agent, "", all.toArray(String[]::new));
    }

    private CtlRun toFile(String... more) {
        return render(Stream.concat(Stream.of("--out", file.toString()), Stream.of(more))
                .toArray(String[]::new));
    }

    private List<String> calls() throws IOException {
        return Files.exists(calls) ? Files.readAllLines(calls) : List.of();
    }

    private void leaves(String content, CtlRun run, int code, String says) throws IOException {
        assertEquals(code, run.code(), run::toString);
        assertTrue(run.says(says), run::toString);
        assertTrue(run.says("stays as it is"), run::toString);
        assertEquals(content, Files.readString(file));
        try (Stream<Path> entries = Files.list(directory)) {
            assertFalse(entries.anyMatch(e -> e.getFileName().toString().endsWith(".new")), "something is left over");
        }
    }

    private static final String THREE = """
            n1 10.0.0.1:5432 check 8008
            n2 10.0.0.2:5432 check 8008
            n3 10.0.0.3:5432 check 8008
            """;

    @Test
    void membersBecomeLines() throws IOException {
        assertEquals(THREE, render().out());
        assertEquals(0, toFile().code());
        assertEquals(THREE, Files.readString(file));
        assertEquals("rw-r--r--", PosixFilePermissions.toString(Files.getPosixFilePermissions(file)));
    }

    @Test
    void aTemplateKnowsTheLeaderTheReplicasAndTags() {
        assertRenders("10.0.0.1", "{{#leader}}{{host}}{{/leader}}");
        assertRenders("10.0.0.1", "{{leader.host}}");
        assertRenders("n2,n3", "{{#replicas}}{{name}}{{^-last}},{{/-last}}{{/replicas}}");
        assertRenders("n2", "{{#sync_standbys}}{{name}}{{/sync_standbys}}");
        assertRenders(
                "n3<n2",
                "{{#members}}{{#tags.replicatefrom}}{{name}}<{{tags.replicatefrom}}{{/tags.replicatefrom}}{{/members}}");
        assertRenders(
                "demo 4 n1", "{{cluster}} {{leader.timeline}} {{#members}}{{#leads}}{{name}}{{/leads}}{{/members}}");
    }

    private void assertRenders(String expected, String text) {
        try {
            template(text);
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
        CtlRun run = render();
        assertEquals(expected, run.out().strip(), run::toString);
    }

    @Test
    void onlyWhatChangesIsWrittenAndTold() throws IOException {
        String note = "echo changed >>" + calls;
        assertEquals(0, toFile("--exec", note).code());
        assertEquals(List.of("changed"), calls());
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-r-----"));
        Files.setLastModifiedTime(file, FileTime.fromMillis(1_000_000));
        CtlRun same = toFile("--exec", note);
        assertTrue(same.says("is up to date"), same::toString);
        assertEquals(FileTime.fromMillis(1_000_000), Files.getLastModifiedTime(file));
        assertEquals(List.of("changed"), calls());

        GetClusterReply.Builder fewer = agent.cluster.toBuilder();
        agent.cluster = fewer.removeMembers(2).build();
        CtlRun changed = toFile("--exec", note, "-o", "json");
        assertTrue(changed.says("\"changed\":true"), changed::toString);
        assertEquals(2, Files.readAllLines(file).size());
        assertEquals(List.of("changed", "changed"), calls());
        assertEquals("rw-r-----", PosixFilePermissions.toString(Files.getPosixFilePermissions(file)), "the mode stays");
    }

    @Test
    void aLinkStaysALink() throws IOException {
        Path target = Files.writeString(directory.resolve("target"), "old");
        Files.createSymbolicLink(file, target);
        assertEquals(0, toFile().code());
        assertTrue(Files.isSymbolicLink(file));
        assertEquals(THREE, Files.readString(target));
    }

    @Test
    void whereNobodyAnswersOrKnowsAnythingTheFileStays() throws IOException {
        Files.writeString(file, "old");
        GetClusterReply whole = agent.cluster;
        agent.cluster = whole.toBuilder().clearMembers().build();
        leaves("old", toFile(), 1, "no member of demo is known");
        agent.cluster = whole.toBuilder()
                .clearMembers()
                .addMembers(MemberRow.newBuilder().setName("n1").setRole("replica"))
                .build();
        leaves("old", toFile(), 1, "no member of demo is known");
        agent.cluster =
                whole.toBuilder().setAnsweredBy("n1").setViewAgeMillis(60_000).build();
        leaves("old", toFile(), 1, "has not seen the cluster for 60 seconds");
        agent.cluster = whole;
        leaves("old", toFile("other"), 1, "belong to cluster 'demo'");
        String gone = agent.endpoint();
        agent.close();
        leaves(
                "old",
                CtlRun.of(Map.of(), "", "--endpoint", gone, "render", template.toString(), "--out", file.toString()),
                3,
                "no agent answered");
    }

    @Test
    void anAgentThatLostSightIsPassedOver() throws IOException {
        agent.cluster = agent.cluster.toBuilder().setViewAgeMillis(60_000).build();
        try (FakeAgent sees = new FakeAgent().start()) {
            sees.cluster = agent.cluster.toBuilder().setViewAgeMillis(100).build();
            CtlRun run = CtlRun.of(
                    agent, "", "--endpoint", sees.endpoint(), "render", template.toString(), "--out", file.toString());
            assertEquals(0, run.code(), run::toString);
            assertEquals(THREE, Files.readString(file));
        }
    }

    @Test
    void whileNobodyLeadsOnlyATemplateThatNeedsTheLeaderWaits() throws IOException {
        Files.writeString(file, "old");
        GetClusterReply.Builder none = agent.cluster.toBuilder();
        none.getMembersBuilder(0).setRole("replica");
        agent.cluster = none.build();
        for (String needy : List.of("{{leader.host}}", "{{#leader}}{{host}}{{/leader}}")) {
            template(needy);
            leaves("old", toFile(), 1, "demo has no leader at the moment");
        }
        template("{{#replicas}}{{name}} {{/replicas}}");
        assertEquals(0, toFile().code());
        assertEquals("n1 n2 n3 ", Files.readString(file));
    }

    @Test
    void aMistakeInTheTemplateIsNamed() throws IOException {
        Files.writeString(file, "old");
        template("one\n{{#members}}{{hots}}{{/members}}");
        leaves("old", toFile("--watch", "1"), 2, "'hots' in line 2");
        template("{{#members}}");
        leaves("old", toFile(), 2, "is no Mustache");
        Files.delete(template);
        leaves("old", toFile(), 2, "cannot be read");
        assertEquals(2, render("--exec", "true").code());
        assertEquals(2, toFile("--timeout", "0").code());
        assertEquals(2, toFile("-o", "tsv").code());
    }

    @Test
    void aFileThatIsNotApprovedDoesNotTakeThePlaceOfTheOld() throws IOException {
        Files.writeString(file, "old");
        leaves(
                "old",
                toFile(
                        "--check",
                        "echo unknown keyword; cp {} " + calls + "; exit 3",
                        "--exec",
                        "touch " + directory.resolve("never")),
                1,
                "unknown keyword");
        assertEquals(THREE, Files.readString(calls), "what was judged is the new file");
        assertFalse(Files.exists(directory.resolve("never")));
        assertEquals(0, toFile("--check", "grep -q n3 {}").code());
        assertEquals(THREE, Files.readString(file));
    }

    @Test
    void aCommandThatFailsOrHangsIsSaid() throws IOException {
        CtlRun failed = toFile("--exec", "echo no such service; exit 5");
        assertEquals(1, failed.code());
        assertTrue(failed.says("exit code 5") && failed.says("no such service"), failed::toString);
        assertTrue(failed.says("has been written before"), failed::toString);
        assertEquals(THREE, Files.readString(file));
        Files.delete(file);
        CtlRun hangs = toFile("--exec", "sleep 50", "--timeout", "0.3");
        assertEquals(1, hangs.code());
        assertTrue(hangs.says("has not ended within 0.3 s and was killed"), hangs::toString);
    }

    @Test
    void whoWatchesWritesEveryChangeAndTriesACommandAgainThatFailed() throws Exception {
        Path broken = Files.writeString(directory.resolve("broken"), "");
        String once = "test ! -e " + broken + " && cat " + file + " >>" + calls;
        ByteArrayOutputStream said = new ByteArrayOutputStream();
        PrintStream out = new PrintStream(said, true, StandardCharsets.UTF_8);
        String[] command = {
            "--endpoint",
            agent.endpoint(),
            "render",
            template.toString(),
            "--out",
            file.toString(),
            "--watch",
            "0.1",
            "--exec",
            once
        };
        Thread watching = Thread.ofPlatform()
                .daemon()
                .start(() -> Matriarchctl.run(
                        command, new Terminal(new BufferedReader(new StringReader("")), out, out, Map.of())));
        until(() -> Files.exists(file));
        Files.delete(broken);
        until(() -> calls().size() == 3);
        GetClusterReply whole = agent.cluster;
        agent.cluster = whole.toBuilder().clearMembers().build();
        until(() -> said.toString(StandardCharsets.UTF_8).contains("no member of demo is known"));
        assertEquals(THREE, Files.readString(file));
        agent.cluster = whole.toBuilder().removeMembers(0).build();
        until(() -> calls().size() == 5);
        watching.interrupt();
        watching.join(20_000);
        assertFalse(watching.isAlive());
    }

    private interface Condition {
        boolean holds() throws IOException;
    }

    private static void until(Condition condition) throws Exception {
        long end = System.nanoTime() + 30_000_000_000L;
        while (!condition.holds()) {
            assertTrue(System.nanoTime() - end < 0, "not in time");
            Thread.sleep(20);
        }
    }
}
