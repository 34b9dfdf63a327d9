package dev.matriarch.dcs;

import java.util.Collection;
import java.util.SortedSet;
import java.util.TreeSet;

/**
 * The {@code sync} key: who besides the leader may be promoted without losing an acknowledged commit.
 *
 * @param leader the leader that wrote it
 * @param voters names of synchronous standbys, without the leader
 * @param quorum votes that a candidate needs from the others of {leader} and voters; 0 in mode {@code on}
 */
public record SyncState(String leader, SortedSet<String> voters, int quorum) {
    public SyncState {
        voters = java.util.Collections.unmodifiableSortedSet(new TreeSet<>(voters));
    }

    /** True for the leader that wrote it and for its voters; names compare without case, as in PostgreSQL. */
    public boolean contains(String member) {
        return leader.equalsIgnoreCase(member) || voters.stream().anyMatch(member::equalsIgnoreCase);
    }

    /** The same with the names as these members have them, for readers that tell capital letters from small ones. */
    public SyncState spelledAs(Collection<Member> members) {
        SortedSet<String> spelled = new TreeSet<>();
        for (String voter : voters) {
            spelled.add(members.stream()
                    .map(Member::name)
                    .filter(voter::equalsIgnoreCase)
                    .findFirst()
                    .orElse(voter));
        }
        return new SyncState(leader, spelled, quorum);
    }
}
