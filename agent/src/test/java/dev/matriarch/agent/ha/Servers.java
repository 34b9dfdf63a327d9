package dev.matriarch.agent.ha;

import dev.matriarch.dcs.Lsn;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Servers as a member may find its own. */
final class Servers {
    private Servers() {}

    static LocalPostgres.Status status(boolean inRecovery, long lsn, int timeline) {
        return new LocalPostgres.Status(
                inRecovery,
                timeline,
                new Lsn(lsn),
                inRecovery ? new Lsn(lsn) : Lsn.INVALID,
                new Lsn(lsn),
                false,
                Optional.empty(),
                inRecovery,
                "",
                true,
                "on",
                List.of(),
                List.of(
                        new LocalPostgres.Slot(inRecovery ? "n1" : "n2", !inRecovery, new Lsn(1)),
                        new LocalPostgres.Slot("n3", !inRecovery, new Lsn(1))),
                150_000,
                "2026-01-01",
                Map.of());
    }

    static LocalPostgres running(LocalPostgres.Status status) {
        return new LocalPostgres(
                LocalPostgres.DataDirectory.VALID,
                Optional.of(Scene.SYSTEM),
                LocalPostgres.Process.RUNNING,
                Optional.empty(),
                Optional.of(status),
                "");
    }

    static LocalPostgres primary(long lsn) {
        return running(status(false, lsn, 1));
    }

    static LocalPostgres replica(long lsn) {
        return running(status(true, lsn, 1));
    }

    static LocalPostgres replicaWithStandbyNames(long lsn, String standbyNames) {
        LocalPostgres.Status s = status(true, lsn, 1);
        return running(but(s, standbyNames, s.slots(), s.serverVersion()));
    }

    static LocalPostgres withSlots(boolean inRecovery, long lsn, LocalPostgres.Slot... slots) {
        LocalPostgres.Status s = status(inRecovery, lsn, 1);
        return running(but(s, s.synchronousStandbyNames(), List.of(slots), s.serverVersion()));
    }

    /** The same server of another version. */
    static LocalPostgres ofVersion(int serverVersion, LocalPostgres server) {
        LocalPostgres.Status s = server.status().orElseThrow();
        return running(but(s, s.synchronousStandbyNames(), s.slots(), serverVersion));
    }

    private static LocalPostgres.Status but(
            LocalPostgres.Status s, String standbyNames, List<LocalPostgres.Slot> slots, int serverVersion) {
        return new LocalPostgres.Status(
                s.inRecovery(),
                s.timeline(),
                s.position(),
                s.received(),
                s.replayed(),
                s.replayPaused(),
                s.replayTimestamp(),
                s.streaming(),
                standbyNames,
                s.reloadTakenUp(),
                s.synchronousCommit(),
                s.senders(),
                slots,
                serverVersion,
                s.postmasterStartTime(),
                s.pendingRestart());
    }

    static LocalPostgres stopped(String controlState) {
        return new LocalPostgres(
                LocalPostgres.DataDirectory.VALID,
                Optional.of(Scene.SYSTEM),
                LocalPostgres.Process.STOPPED,
                Optional.of(new LocalPostgres.ControlFile(controlState, 1, new Lsn(90), Lsn.INVALID, 0, true)),
                Optional.empty(),
                "");
    }

    static LocalPostgres empty() {
        return new LocalPostgres(
                LocalPostgres.DataDirectory.EMPTY,
                Optional.empty(),
                LocalPostgres.Process.STOPPED,
                Optional.empty(),
                Optional.empty(),
                "");
    }
}
