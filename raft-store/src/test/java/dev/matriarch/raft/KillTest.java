package dev.matriarch.raft;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Three processes, killed in the midst of writing, starting and electing. */
@Tag("slow")
class KillTest {
    private static final int KILLS = 50;

    @TempDir
    Path dir;

    @Test
    void whatWasConfirmedSurvivesFiftyDeaths() throws Exception {
        try (KillRuns runs = new KillRuns(dir, 50)) {
            runs.kill(KILLS);
            assertEquals(KILLS, runs.killed());
        }
    }
}
