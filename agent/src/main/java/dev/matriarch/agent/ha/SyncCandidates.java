package dev.matriarch.agent.ha;

import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Lsn;
import dev.matriarch.dcs.Member;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;

/** Which standbys a commit may wait for, best first. Names are in lower case. */
final class SyncCandidates {
    /**
     * @param listed PostgreSQL counts it among the standbys of the live setting
     * @param reached how far it has what commits wait for
     */
    record Candidate(String name, int priority, boolean nofailover, boolean listed, String syncState, Lsn reached) {
        /** A comparator of comparators would take longer than all the rest. */
        static int bestFirst(Candidate a, Candidate b) {
            if (a.nofailover != b.nofailover) {
                return a.nofailover ? 1 : -1;
            }
            if (a.priority != b.priority) {
                return Integer.compare(b.priority, a.priority);
            }
            int order = b.syncState.compareTo(a.syncState);
            if (order == 0) {
                order = b.reached.compareTo(a.reached);
            }
            return order == 0 ? a.name.compareTo(b.name) : order;
        }
    }

    private final List<Candidate> inOrder;

    private SyncCandidates(List<Candidate> inOrder) {
        this.inOrder = inOrder;
    }

    static SyncCandidates of(ClusterView view, String me, LocalPostgres.Status status, Settings.Synchronous settings) {
        List<Candidate> near = new ArrayList<>();
        for (LocalPostgres.Sender sender : status.senders()) {
            Optional<Member> member = streams(sender) ? member(view, sender.applicationName()) : Optional.empty();
            if (member.isPresent()
                    && alive(member.get())
                    && member.get().syncPriority() > 0
                    && !member.get().name().equalsIgnoreCase(me)
                    && !behindAnother(view, me, member.get(), status)) {
                add(near, candidate(member.get(), sender, status.synchronousCommit()));
            }
        }
        if (settings.maximumLag() > 0) {
            Lsn best = near.size() < 2 ? status.position() : furthest(near);
            near.removeIf(c -> best.minus(c.reached()) > settings.maximumLag());
        }
        near.sort(Candidate::bestFirst);
        return new SyncCandidates(near);
    }

    /** Of two connections the worse one: the other may be left over from before a restart. */
    private static void add(List<Candidate> found, Candidate candidate) {
        for (int i = 0; i < found.size(); i++) {
            if (found.get(i).name().equals(candidate.name())) {
                if (found.get(i).reached().isAfter(candidate.reached())) {
                    found.set(i, candidate);
                }
                return;
            }
        }
        found.add(candidate);
    }

    private static Lsn furthest(List<Candidate> candidates) {
        Lsn best = candidates.getFirst().reached();
        for (Candidate candidate : candidates) {
            best = Lsn.max(best, candidate.reached());
        }
        return best;
    }

    private static boolean streams(LocalPostgres.Sender sender) {
        return sender.state().equals("streaming");
    }

    /** Its agent has not said that it stops. A server that is too slow for its agent's question still streams. */
    private static boolean alive(Member member) {
        return member.isRunning() || member.state().equals("unknown");
    }

    /**
     * It streams from another standby, or will as soon as it can: it gets nothing before that one. A circle of sources is not
     * followed: all in it stream from the leader.
     */
    private static boolean behindAnother(ClusterView view, String me, Member member, LocalPostgres.Status status) {
        Optional<String> source = member.replicateFrom();
        if (source.isEmpty() || new Cascade(view).goesInACircle(member.name(), Tags.of(member))) {
            return false;
        }
        Set<String> passed = new HashSet<>();
        while (source.isPresent()
                && !source.get().equalsIgnoreCase(me)
                && !source.get().equalsIgnoreCase(member.name())
                && passed.add(lower(source.get()))) {
            if (streamsHere(source.get(), status)) {
                return true;
            }
            source = member(view, source.get()).flatMap(Member::replicateFrom);
        }
        return false;
    }

    private static boolean streamsHere(String name, LocalPostgres.Status status) {
        for (LocalPostgres.Sender sender : status.senders()) {
            if (streams(sender) && lower(sender.applicationName()).equals(lower(name))) {
                return true;
            }
        }
        return false;
    }

    private static Optional<Member> member(ClusterView view, String name) {
        for (Member member : view.members()) {
            if (member.name().equalsIgnoreCase(name)) {
                return Optional.of(member);
            }
        }
        return Optional.empty();
    }

    private static Candidate candidate(Member member, LocalPostgres.Sender sender, String synchronousCommit) {
        Lsn reached = switch (synchronousCommit) {
            case "remote_apply" -> sender.replay();
            case "remote_write" -> sender.write();
            default -> sender.flush();
        };
        return new Candidate(
                lower(member.name()),
                member.syncPriority(),
                member.nofailover(),
                !sender.syncState().isEmpty() && !sender.syncState().equals("async"),
                sender.syncState(),
                reached);
    }

    /** The first ones, as many as mode {@code on} waits for. */
    SortedSet<String> picked(int count) {
        SortedSet<String> names = new TreeSet<>();
        for (Candidate c : inOrder.subList(0, Math.min(count, inOrder.size()))) {
            names.add(c.name());
        }
        return names;
    }

    /** All that may have a vote; those who must not lead only as long as there are too few of the others. */
    SortedSet<String> all(int count) {
        SortedSet<String> names = new TreeSet<>();
        for (Candidate c : inOrder) {
            if (!c.nofailover() || names.size() < count) {
                names.add(c.name());
            }
        }
        return names;
    }

    /** Those that PostgreSQL waits for and that have all WAL from before the live list took effect. */
    SortedSet<String> confirmed(Optional<Lsn> listInForceSince) {
        SortedSet<String> names = new TreeSet<>();
        for (Candidate c : inOrder) {
            if (c.listed()
                    && listInForceSince.isPresent()
                    && !listInForceSince.get().isAfter(c.reached())) {
                names.add(c.name());
            }
        }
        return names;
    }

    static String lower(String name) {
        return name.toLowerCase(Locale.ROOT);
    }
}
