package dev.matriarch.agent.rpc;

import dev.matriarch.agent.ha.LocalPostgres;
import dev.matriarch.dcs.Lsn;
import dev.matriarch.proto.store.v1.ServerNote;
import java.util.Optional;

/** How PostgreSQL is on this host, for those who have lost the store. */
public final class ServerNotes {
    private ServerNotes() {}

    /** Asks the server; takes a second at most. Empty before the agent has looked at it. */
    public static Optional<ServerNote> of(LocalAgent agent) {
        LocalPostgres seen = agent.postgres();
        return seen == null ? Optional.empty() : Optional.of(of(seen, agent.position()));
    }

    /** A server that does not answer has at least what its control file says. Pure. */
    static ServerNote of(LocalPostgres seen, Position now) {
        ServerNote.Builder note = ServerNote.newBuilder()
                .setData(seen.dataDirectory() == LocalPostgres.DataDirectory.VALID)
                .setSystemIdentifier(seen.systemIdentifier().orElse(""))
                .setNofailover(now.nofailover());
        if (now.running()) {
            return note.setRunning(true)
                    .setInRecovery(now.inRecovery())
                    .setTimeline(now.timeline())
                    .setLsn(now.lsn().value())
                    .build();
        }
        seen.control().ifPresent(control -> {
            boolean replayed = Long.compareUnsigned(
                            control.minRecoveryPoint().value(),
                            control.checkpoint().value())
                    > 0;
            Lsn end = replayed ? control.minRecoveryPoint() : control.checkpoint();
            note.setTimeline(Math.max(control.timeline(), control.minRecoveryTimeline()))
                    .setLsn(end.value());
        });
        return note.build();
    }
}
