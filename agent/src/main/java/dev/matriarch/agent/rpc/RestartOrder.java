package dev.matriarch.agent.rpc;

import dev.matriarch.agent.ha.LocalPostgres;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * A restart of PostgreSQL with the conditions under which it is wanted.
 *
 * @param role {@code primary}, {@code standby_leader} or {@code replica}: only if the member has this role
 * @param olderThan server_version_num: only if PostgreSQL runs a lower version
 * @param onlyIfPending only if a parameter waits for a restart
 */
public record RestartOrder(Optional<String> role, OptionalInt olderThan, boolean onlyIfPending) {
    /** A restart without conditions. */
    public static final RestartOrder UNCONDITIONAL = new RestartOrder(Optional.empty(), OptionalInt.empty(), false);

    /**
     * @param holdsLease this member is the leader
     * @return true if the conditions hold, as far as {@code postgres} knows
     */
    public boolean isSatisfiedBy(LocalPostgres postgres, boolean holdsLease) {
        if (role.isPresent() && !role.get().equals(roleOf(postgres, holdsLease))) {
            return false;
        }
        Optional<LocalPostgres.Status> status = postgres.status();
        if (olderThan.isPresent()
                && status.map(s -> s.serverVersion() >= olderThan.getAsInt()).orElse(true)) {
            return false;
        }
        return !onlyIfPending || status.map(s -> !s.pendingRestart().isEmpty()).orElse(false);
    }

    private static String roleOf(LocalPostgres postgres, boolean holdsLease) {
        if (postgres.isPrimary()) {
            return "primary";
        }
        return holdsLease ? "standby_leader" : "replica";
    }

    /**
     * {@code 9.5.2} to 90502, {@code 15.4} to 150004.
     *
     * @throws IllegalArgumentException with a sentence for the user
     */
    static int parseVersion(String text) {
        String[] parts = text.strip().split("\\.", -1);
        try {
            int major = Integer.parseInt(parts[0]);
            int second = parts.length > 1 ? Integer.parseInt(parts[1]) : 0;
            int third = parts.length > 2 ? Integer.parseInt(parts[2]) : 0;
            boolean oldScheme = major < 10;
            if (major < 1 || second < 0 || third < 0 || parts.length > (oldScheme ? 3 : 2)) {
                throw new NumberFormatException();
            }
            return oldScheme ? major * 10_000 + second * 100 + third : major * 10_000 + second;
        } catch (NumberFormatException e) {
            throw new IllegalArgumentException(
                    "Invalid PostgreSQL version: '" + text + "' is not of the form 15.4 or 9.5.2", e);
        }
    }
}
