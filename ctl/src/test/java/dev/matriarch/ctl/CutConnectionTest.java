package dev.matriarch.ctl;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.tls.Authority;
import dev.matriarch.tls.LiveTls;
import dev.matriarch.tls.TlsFiles;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** An agent that refuses somebody may be unable to say so: the connection is cut, and the way of it shows nothing. */
@Timeout(60)
class CutConnectionTest {
    private static final List<Boolean> BY_A_RESET_OR_AN_END = List.of(true, false);

    @TempDir
    static Path dir;

    private static TlsFiles agents;
    private static TlsFiles admin;

    @BeforeAll
    static void certificates() throws Exception {
        Authority ca = new Authority(dir, "ca");
        agents = ca.issue("n1");
        admin = ca.issue("admin");
    }

    private static CtlRun list(CuttingDoor.Reception reception, boolean reset, TlsFiles shown, boolean tls)
            throws Exception {
        Map<String, String> environment = !tls
                ? Map.of()
                : shown == null
                        ? Map.of("PATRONI_CTL_CACERT", agents.ca().toString())
                        : Map.of(
                                "PATRONI_CTL_CACERT", agents.ca().toString(),
                                "PATRONI_CTL_CERTFILE", shown.certificate().toString(),
                                "PATRONI_CTL_KEYFILE", shown.key().toString());
        try (CuttingDoor door = new CuttingDoor(reception, reset)) {
            CtlRun run = CtlRun.of(environment, "", "--endpoint", door.endpoint(), "list");
            assertEquals(3, run.code(), run::toString);
            return run;
        }
    }

    private static List<CuttingDoor.Reception> duringAndAfterTheHandshake() throws Exception {
        List<CuttingDoor.Reception> all = new ArrayList<>(List.of(CuttingDoor.untilItSpeaks()));
        all.add(CuttingDoor.untilTls(new LiveTls(agents, refusal -> {})));
        return all;
    }

    @Test
    void whoComesInPlainTextIsToldOfTls() throws Exception {
        for (boolean reset : BY_A_RESET_OR_AN_END) {
            CtlRun run = list(CuttingDoor.untilItSpeaks(), reset, null, false);
            assertTrue(run.says("it cut the connection before it said anything ("), run::toString);
            assertTrue(
                    run.says("): perhaps it does not speak plain text; if it asks for TLS, give ctl.cacert, "),
                    run::toString);
        }
    }

    @Test
    void whoShowsNoCertificateIsToldThatOneMayBeWanted() throws Exception {
        for (CuttingDoor.Reception reception : duringAndAfterTheHandshake()) {
            for (boolean reset : BY_A_RESET_OR_AN_END) {
                CtlRun run = list(reception, reset, null, true);
                assertTrue(
                        run.says("perhaps it asks for a client certificate, of which there is none; its log says why;"
                                + " give ctl.certfile and ctl.keyfile"),
                        run::toString);
            }
        }
    }

    @Test
    void whoShowsACertificateIsToldThatItMayBeRefused() throws Exception {
        for (CuttingDoor.Reception reception : duringAndAfterTheHandshake()) {
            for (boolean reset : BY_A_RESET_OR_AN_END) {
                CtlRun run = list(reception, reset, admin, true);
                assertTrue(
                        run.says("perhaps it refuses this side's certificate " + admin.certificate()), run::toString);
            }
        }
    }

    @Test
    void whatBreaksLaterHasNothingToDoWithTls() throws Exception {
        for (boolean reset : BY_A_RESET_OR_AN_END) {
            CtlRun run = list(CuttingDoor.untilAQuestion(), reset, null, false);
            assertFalse(run.says("plain text"), run::toString);
            assertTrue(run.says(reset ? "reset" : "Network closed"), run::toString);
        }
    }
}
