package dev.matriarch.agent.ha;

import dev.matriarch.dcs.Lsn;
import java.util.List;
import java.util.Optional;

/**
 * What the other members answered when asked in this heartbeat.
 *
 * @param answers one for each member that was asked
 */
public record Survey(List<Answer> answers) {
    public Survey {
        answers = List.copyOf(answers);
    }

    /**
     * @param reachable the member answered in time; the rest means nothing otherwise
     * @param lsn {@link Lsn#INVALID} if unknown
     * @param timeline 0 if unknown
     */
    public record Answer(
            String name,
            boolean reachable,
            boolean running,
            boolean inRecovery,
            Lsn lsn,
            int timeline,
            boolean nofailover,
            int priority) {
        public static Answer unreachable(String name) {
            return new Answer(name, false, false, false, Lsn.INVALID, 0, false, 0);
        }

        /** A running standby that may be promoted. */
        public boolean eligible() {
            return reachable && running && inRecovery && !nofailover;
        }
    }

    public Optional<Answer> of(String name) {
        return answers.stream().filter(a -> a.name().equals(name)).findFirst();
    }
}
