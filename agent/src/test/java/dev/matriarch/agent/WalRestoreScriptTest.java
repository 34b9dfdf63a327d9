package dev.matriarch.agent;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The shipped restore script against stand-ins for the tools, which note what they are called with. */
class WalRestoreScriptTest {
    private static final String WAL_E_LIST = "name\\tlast_modified\\texpanded_size_bytes\\twal_segment_backup_start\\t"
            + "wal_segment_offset_backup_start\\twal_segment_backup_stop\\twal_segment_offset_backup_stop\\n"
            + "base_1\\t2026-01-01T00:00:00Z\\t1073741824\\t000000010000000200000003\\t00000040\\tx\\t1\\n";
    private static final String WAL_G_LIST = "[{\"backup_name\":\"old\",\"start_lsn\":1,\"uncompressed_size\":2},"
            + "{\"backup_name\":\"base_1\",\"start_lsn\":8640266280,\"uncompressed_size\": 1073741824}]";

    @TempDir
    Path dir;

    private record Result(int code, String output, List<String> calls) {}

    private static Path script() {
        for (Path at = Path.of("").toAbsolutePath(); at != null; at = at.getParent()) {
            Path script = at.resolve("packaging/src/main/dist/scripts/matriarch-wal-restore");
            if (Files.exists(script)) {
                return script;
            }
        }
        throw new AssertionError("the script is not in this folder or above it");
    }

    private void stub(String name, String text) throws IOException {
        Path file = Files.createDirectories(dir.resolve("bin")).resolve(name);
        Files.writeString(file, "#!/bin/bash\necho \"" + name + " $*\" >>" + dir + "/calls\n" + text);
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
    }

    private void tool(String name, String list) throws IOException {
        stub(
                name,
                "echo \"bucket $WALE_BUCKET\" >>" + dir + "/calls\ncase \"$*\" in *backup-list*) printf '" + list
                        + "' ;; *backup-fetch*) mkdir -p " + dir + "/data && ln -s /gone/away " + dir
                        + "/data/pg_wal ;; esac\n");
    }

    private Result run(String... arguments) throws Exception {
        Path env = Files.createDirectories(dir.resolve("env"));
        Files.writeString(env.resolve("WALE_BUCKET"), "s3://x/y \nsecond line\n");
        List<String> command = new ArrayList<>(List.of("bash", script().toString()));
        command.addAll(List.of(arguments));
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.environment().put("PATH", dir.resolve("bin") + ":" + System.getenv("PATH"));
        Process process = builder.start();
        String output = new String(process.getInputStream().readAllBytes(), java.nio.charset.StandardCharsets.UTF_8);
        assertTrue(process.waitFor(20, TimeUnit.SECONDS));
        Path calls = dir.resolve("calls");
        return new Result(process.exitValue(), output, Files.exists(calls) ? Files.readAllLines(calls) : List.of());
    }

    private String[] patronis(String... more) {
        List<String> all = new ArrayList<>(List.of(
                "--scope=demo",
                "--role=replica",
                "--datadir=" + dir.resolve("data"),
                "--connstring=host=a user=b",
                "--envdir=" + dir.resolve("env")));
        all.addAll(List.of(more));
        return all.toArray(String[]::new);
    }

    @Test
    void walEIsCalledWithItsArgumentsAndABrokenLinkToItsWalIsMended() throws Exception {
        tool("wal-e", WAL_E_LIST);
        stub("psql", "echo 1000\n");
        Result result = run(patronis("--tool=wal-e", "--use_iam=1", "--no_leader=0"));
        assertEquals(0, result.code(), result.output());
        assertTrue(result.calls().contains("wal-e --aws-instance-profile backup-list --detail LATEST"));
        assertTrue(result.calls()
                .contains("wal-e --aws-instance-profile backup-fetch " + dir.resolve("data") + " LATEST"));
        assertTrue(result.calls().contains("bucket s3://x/y"), "the variables of envdir");
        assertTrue(result.calls().stream().anyMatch(c -> c.startsWith("psql") && c.contains("--dbname=host=a user=b")));
        assertTrue(String.join("\n", result.calls()).contains("'2/3000028'"), "position at which the backup began");
        assertTrue(Files.isDirectory(dir.resolve("data/pg_wal")));
    }

    @Test
    void walGTellsTheSameAsJson() throws Exception {
        tool("wal-g", WAL_G_LIST);
        stub("psql", "echo 1000\n");
        Result result = run(patronis());
        assertEquals(0, result.code(), result.output());
        assertTrue(result.calls().contains("wal-g backup-list --detail --json"));
        assertTrue(result.calls().contains("wal-g backup-fetch " + dir.resolve("data") + " LATEST"));
        assertTrue(String.join("\n", result.calls()).contains("'2/3000028'"), String.join("\n", result.calls()));
    }

    @Test
    void tooMuchWalSinceTheBackupLeavesItToTheNextMethod() throws Exception {
        tool("wal-g", WAL_G_LIST);
        stub("psql", "echo 400000000\n");
        Result percentage = run(patronis());
        assertEquals(2, percentage.code(), percentage.output());
        assertTrue(percentage.output().contains("30% of the backup"), percentage.output());
        assertEquals(
                2,
                run(patronis("--threshold_backup_size_percentage=90", "--threshold_megabytes=300"))
                        .code());
        assertEquals(
                0,
                run(patronis("--threshold_backup_size_percentage=90", "--threshold_megabytes=500"))
                        .code());
    }

    @Test
    void aLeaderThatDoesNotAnswerIsAReasonToWaitUnlessItIsNotNeeded() throws Exception {
        tool("wal-g", WAL_G_LIST);
        stub("psql", "exit 2\n");
        assertEquals(1, run(patronis()).code());
        assertEquals(0, run(patronis("--no_leader=1")).code());
    }

    @Test
    void withoutConnectionStringNobodyIsAsked() throws Exception {
        tool("wal-g", WAL_G_LIST);
        stub("psql", "exit 2\n");
        Result result = run(patronis("--connstring="));
        assertEquals(0, result.code(), result.output());
        assertTrue(result.calls().stream().noneMatch(c -> c.startsWith("psql")));
    }

    @Test
    void whatGoesWrongHasItsOwnExitCode() throws Exception {
        stub("wal-g", "exit 9\n");
        assertEquals(1, run(patronis("--connstring=")).code());
        stub("wal-g", "case \"$*\" in *list*) printf '" + WAL_G_LIST + "' ;; *) exit 9 ;; esac\n");
        Result fetch = run(patronis("--connstring=", "--retries=3"));
        assertEquals(1, fetch.code(), fetch.output());
        assertEquals(
                3,
                fetch.calls().stream().filter(c -> c.contains("backup-fetch")).count());
        assertEquals(2, run("--datadir=/x").code());
        assertEquals(2, run(patronis("--threshold_megabytes=much")).code());
        assertEquals(2, run(patronis("--what=x")).code());
    }
}
