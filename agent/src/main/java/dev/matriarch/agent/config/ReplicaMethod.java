package dev.matriarch.agent.config;

import java.util.List;

/**
 * A way to make a replica.
 *
 * @param command its words; none: pg_basebackup
 * @param keepData what is in the data directory is left there for the command to make use of
 * @param noParams it is run as it stands, without arguments of ours
 * @param noLeader it also works while no server is there to copy from
 * @param arguments further ones, as {@code --key=value}
 */
public record ReplicaMethod(
        String name,
        List<String> command,
        boolean keepData,
        boolean noParams,
        boolean noLeader,
        List<String> arguments) {
    public static final ReplicaMethod BASEBACKUP =
            new ReplicaMethod("basebackup", List.of(), false, false, false, List.of());

    public boolean isBasebackup() {
        return command.isEmpty();
    }
}
