package dev.matriarch.agent.config;

import com.fasterxml.jackson.databind.JsonNode;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;

/**
 * How an agent treats its server, as far as one word may hold for the whole cluster: what was given for the cluster, for
 * one member, or put together. What is empty was not given.
 *
 * @param unixSocket the agent's connections to its own server go through a socket file, if it has one
 * @param removeOnRewindFailure allowed to discard a data directory that pg_rewind could not repair
 * @param removeOnDivergence allowed to discard a diverged data directory when it cannot be rewound
 * @param keepDiscarded move a data directory aside instead of deleting it
 * @param rewindOptions extra options for pg_rewind, each with its dashes
 * @param startStopTimeout {@code pg_ctl_timeout}
 */
public record ServerHandling(
        Optional<Boolean> unixSocket,
        Optional<Boolean> usePgRewind,
        Optional<Boolean> removeOnRewindFailure,
        Optional<Boolean> removeOnDivergence,
        Optional<Boolean> keepDiscarded,
        Optional<List<String>> rewindOptions,
        Optional<Duration> startStopTimeout,
        ScriptsConfig.Given scripts) {
    public static final Duration START_STOP_TIMEOUT = Duration.ofSeconds(60);

    public static final ServerHandling NONE = new ServerHandling(
            Optional.empty(),
            Optional.empty(),
            Optional.empty(),
            Optional.empty(),
            Optional.empty(),
            Optional.empty(),
            Optional.empty(),
            ScriptsConfig.Given.NOTHING);

    /** @param postgresql that of a member's file, or of the cluster-wide configuration */
    static ServerHandling read(Section postgresql) {
        // The agent has no connection to its own server in the replication protocol that could go another way.
        postgresql.bool("use_unix_socket_repl", false);
        return new ServerHandling(
                flag(postgresql, "use_unix_socket"),
                flag(postgresql, "use_pg_rewind"),
                flag(postgresql, "remove_data_directory_on_rewind_failure"),
                flag(postgresql, "remove_data_directory_on_diverged_timelines"),
                careful(postgresql, "keep_discarded_data_directory"),
                given(postgresql, "rewind", name -> OptionList.read(postgresql, name, OptionList.REWIND_REFUSED)),
                given(
                        postgresql,
                        "pg_ctl_timeout",
                        name -> postgresql.duration(name, START_STOP_TIMEOUT, Duration.ofSeconds(1))),
                ScriptsConfig.Given.read(postgresql));
    }

    private static Optional<Boolean> flag(Section section, String name) {
        return given(section, name, n -> section.bool(n, false));
    }

    /** What cannot be read counts as the side on which nothing is lost. */
    private static Optional<Boolean> careful(Section section, String name) {
        return given(
                section,
                name,
                n -> section.bool(n, false)
                        || Quantity.bool(section.node().path(n)).isEmpty());
    }

    /** The reader is asked in any case: that makes the key known. */
    private static <T> Optional<T> given(Section section, String name, Function<String, T> read) {
        JsonNode node = section.node().path(name);
        T value = read.apply(name);
        return node.isMissingNode() || node.isNull() ? Optional.empty() : Optional.of(value);
    }

    /** The cluster's, under that of a member: what both give is the member's. */
    public ServerHandling under(ServerHandling member) {
        return new ServerHandling(
                member.unixSocket.or(() -> unixSocket),
                member.usePgRewind.or(() -> usePgRewind),
                member.removeOnRewindFailure.or(() -> removeOnRewindFailure),
                member.removeOnDivergence.or(() -> removeOnDivergence),
                member.keepDiscarded.or(() -> keepDiscarded),
                member.rewindOptions.or(() -> rewindOptions),
                member.startStopTimeout.or(() -> startStopTimeout),
                scripts.under(member.scripts));
    }
}
