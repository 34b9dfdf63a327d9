package dev.matriarch.agent.ha;

import dev.matriarch.dcs.Member;
import java.util.Map;
import java.util.Optional;

/**
 * The tags of a member that decisions depend on.
 *
 * @param nofailover must never lead: the tag of that name, or a {@code failover_priority} of 0 or less
 * @param priority {@code failover_priority}: among members with equal WAL the highest goes first
 * @param nostream receives no WAL from a member, only from the archive; nobody keeps a slot for it
 * @param replicateFrom the member it would rather stream from than from the leader
 */
public record Tags(boolean nofailover, int priority, boolean nostream, Optional<String> replicateFrom) {
    public static final Tags NONE = new Tags(false, 1, false, Optional.empty());

    /** @param tags as configured or published: Boolean, Integer or String values */
    public static Tags of(Map<String, Object> tags) {
        int priority = tags.get("failover_priority") instanceof Number n ? n.intValue() : 1;
        return new Tags(
                tags.containsKey("nofailover") ? Boolean.TRUE.equals(tags.get("nofailover")) : priority <= 0,
                priority,
                Boolean.TRUE.equals(tags.get("nostream")),
                tags.get("replicatefrom") instanceof String s ? Optional.of(s) : Optional.empty());
    }

    static Tags of(Member member) {
        return of(member.tags());
    }
}
