package dev.matriarch.agent.ha;

import java.util.Optional;
import java.util.OptionalInt;

/**
 * The conditions under which a restart is wanted.
 *
 * @param role {@code primary}, {@code standby_leader} or {@code replica}: only if the member has this role
 * @param olderThan server_version_num: only if PostgreSQL runs a lower version
 * @param onlyIfPending only if a parameter waits for a restart
 */
public record RestartFilter(Optional<String> role, OptionalInt olderThan, boolean onlyIfPending) {
    public static final RestartFilter NONE = new RestartFilter(Optional.empty(), OptionalInt.empty(), false);

    /**
     * @param holdsLease this member is the leader
     * @return why the conditions do not hold, as far as {@code postgres} knows; empty: they do
     */
    public Optional<String> objection(LocalPostgres postgres, boolean holdsLease) {
        String actual = roleOf(postgres, holdsLease);
        if (role.isPresent() && !role.get().equals(actual)) {
            return Optional.of("the role is " + actual + ", not " + role.get());
        }
        Optional<LocalPostgres.Status> status = postgres.status();
        if ((olderThan.isPresent() || onlyIfPending) && status.isEmpty()) {
            return Optional.of("PostgreSQL does not answer");
        }
        if (olderThan.isPresent() && status.get().serverVersion() >= olderThan.getAsInt()) {
            return Optional.of("PostgreSQL runs version "
                    + versionText(status.get().serverVersion()) + ", which is not lower than "
                    + versionText(olderThan.getAsInt()));
        }
        return onlyIfPending && status.get().pendingRestart().isEmpty()
                ? Optional.of("no parameter waits for a restart")
                : Optional.empty();
    }

    /** {@code 150004} as {@code 15.4}, {@code 90502} as {@code 9.5.2}. */
    public static String versionText(int serverVersion) {
        return serverVersion >= 100_000
                ? serverVersion / 10_000 + "." + serverVersion % 10_000
                : serverVersion / 10_000 + "." + serverVersion / 100 % 100 + "." + serverVersion % 100;
    }

    private static String roleOf(LocalPostgres postgres, boolean holdsLease) {
        if (postgres.isPrimary()) {
            return "primary";
        }
        return holdsLease ? "standby_leader" : "replica";
    }
}
