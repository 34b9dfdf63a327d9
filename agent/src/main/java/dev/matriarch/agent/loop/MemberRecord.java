package dev.matriarch.agent.loop;

import dev.matriarch.agent.config.AgentConfig;
import dev.matriarch.agent.ha.LocalPostgres;
import dev.matriarch.agent.ha.PoliteLeave;
import dev.matriarch.agent.ha.RestartFilter;
import dev.matriarch.agent.ha.ScheduledRestart;
import dev.matriarch.agent.ha.Wishes;
import dev.matriarch.dcs.CloneStatus;
import dev.matriarch.dcs.Lsn;
import dev.matriarch.dcs.Member;
import dev.matriarch.dcs.PlannedRestart;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/** What this member publishes about itself. */
final class MemberRecord {
    private MemberRecord() {}

    /** Where this member can be reached, as its record says. */
    record Addresses(String connUrl, String apiUrl, String rpc, Optional<String> proxyUrl) {
        static Addresses of(AgentConfig config) {
            String database = config.postgres().places().databasePath();
            return new Addresses(
                    "postgres://" + config.postgres().connectAddress() + database,
                    config.rest().url() + "/patroni",
                    config.control().connectAddress().toString(),
                    config.postgres().proxyAddress().map(a -> "postgres://" + a + database));
        }
    }

    /**
     * @param state of the server, in {@link ServerState}'s words
     * @param leading it holds the lock
     * @param leaving nobody should wait for this member any more
     */
    static Member of(
            SettingsSource settings,
            boolean leading,
            boolean leaving,
            LocalPostgres postgres,
            String state,
            boolean checkpointPending,
            Optional<CloneStatus> cloneProgress,
            Wishes wishes) {
        AgentConfig config = settings.local();
        Optional<LocalPostgres.Status> status = postgres.status();
        Optional<LocalPostgres.Status> replica = status.filter(LocalPostgres.Status::inRecovery);
        Addresses addresses = settings.addresses();
        return Member.named(config.name())
                .connUrl(addresses.connUrl())
                .apiUrl(addresses.apiUrl())
                .rpcAddress(addresses.rpc())
                .state(state)
                .role(role(
                        postgres,
                        leading
                                && settings.current()
                                        .settings()
                                        .standbyCluster()
                                        .isPresent()))
                .version(Version.TEXT)
                .xlogLocation(status.map(LocalPostgres.Status::position))
                .receiveLsn(replica.map(LocalPostgres.Status::received).filter(l -> !l.equals(Lsn.INVALID)))
                .replayLsn(replica.map(LocalPostgres.Status::replayed))
                .replicationState(replica.flatMap(s -> replicationState(
                        s,
                        !settings.current()
                                .parameters()
                                .getOrDefault("restore_command", "")
                                .isEmpty())))
                .timeline(status.filter(s -> s.timeline() > 0)
                        .map(s -> OptionalInt.of(s.timeline()))
                        .orElse(OptionalInt.empty()))
                .tags(leaving ? PoliteLeave.tags(config.tags()) : config.tags())
                .pendingRestart(status.map(LocalPostgres.Status::pendingRestart).orElse(Map.of()))
                .checkpointAfterPromote(
                        postgres.isPrimary() && checkpointPending ? Optional.of(false) : Optional.empty())
                .paused(settings.current().settings().paused())
                .plannedRestart(wishes.restart().map(MemberRecord::planned))
                .copying(cloneProgress)
                .proxyUrl(addresses.proxyUrl())
                .build();
    }

    /** @param hasArchive a restore_command is configured */
    static Optional<String> replicationState(LocalPostgres.Status status, boolean hasArchive) {
        if (!status.inRecovery()) {
            return Optional.empty();
        }
        return status.streaming()
                ? Optional.of("streaming")
                : hasArchive ? Optional.of("in archive recovery") : Optional.empty();
    }

    static PlannedRestart planned(ScheduledRestart restart) {
        RestartFilter filter = restart.filter();
        return new PlannedRestart(
                restart.at(),
                restart.postmasterStartTime(),
                filter.role(),
                filter.olderThan().isPresent()
                        ? Optional.of(
                                RestartFilter.versionText(filter.olderThan().getAsInt()))
                        : Optional.empty(),
                filter.onlyIfPending(),
                restart.timeout());
    }

    /** @param standbyLeader it holds the lock of a cluster that follows another one */
    static String role(LocalPostgres postgres, boolean standbyLeader) {
        if (postgres.dataDirectory() == LocalPostgres.DataDirectory.EMPTY
                || postgres.dataDirectory() == LocalPostgres.DataDirectory.PARTIAL_COPY) {
            return "uninitialized";
        }
        return postgres.isPrimary() ? "primary" : standbyLeader && postgres.isReplica() ? "standby_leader" : "replica";
    }
}
