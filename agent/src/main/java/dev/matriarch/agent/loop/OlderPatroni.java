package dev.matriarch.agent.loop;

import dev.matriarch.dcs.Member;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/** Members of Patroni below 4.0 beside ours: what a cluster cannot be asked for while they are there. */
final class OlderPatroni {
    private OlderPatroni() {}

    /** What becomes of mode {@code quorum} with these members; empty if all know it. */
    static Optional<String> withoutVotes(Collection<Member> members) {
        List<Member> strangers =
                members.stream().filter(m -> !m.knowsQuorumCommit()).toList();
        if (strangers.isEmpty()) {
            return Optional.empty();
        }
        String who = strangers.stream()
                .map(m -> m.name() + " (Patroni " + m.version() + ")")
                .collect(Collectors.joining(", "));
        return Optional.of("synchronous_mode quorum is off for " + who
                + ": it may be promoted without the last commits, and waits for no"
                + " standby while it leads. Use on until no member of Patroni below 4.0 is left");
    }
}
