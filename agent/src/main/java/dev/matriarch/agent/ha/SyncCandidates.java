package dev.matriarch.agent.ha;

import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Lsn;
import dev.matriarch.dcs.Member;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;

/** Which standbys a commit may wait for, best first. Names are in lower case. */
final class SyncCandidates {
    /**
     * @param listed PostgreSQL counts it among the standbys of the live setting
     * @param reached how far it has what commits wait for
     */
    record Candidate(String name, int priority, boolean nofailover, boolean listed, String syncState, Lsn reached) {}

    private final List<Candidate> inOrder;

    private SyncCandidates(List<Candidate> inOrder) {
        this.inOrder = inOrder;
    }

    static SyncCandidates of(ClusterView view, String me, LocalPostgres.Status status, Settings.Synchronous settings) {
        Set<String> streaming = new HashSet<>();
        for (LocalPostgres.Sender sender : status.senders()) {
            if (sender.state().equals("streaming")) {
                streaming.add(lower(sender.applicationName()));
            }
        }
        Map<String, Candidate> found = new TreeMap<>();
        for (LocalPostgres.Sender sender : status.senders()) {
            member(view, sender.applicationName())
                    .filter(m -> sender.state().equals("streaming"))
                    .filter(m -> alive(m) && m.syncPriority() > 0 && !m.name().equalsIgnoreCase(me))
                    .filter(m -> !behindAnother(view, me, m, streaming))
                    .ifPresent(m -> {
                        Candidate candidate = candidate(m, sender, status.synchronousCommit());
                        // Of two connections the worse one: the other may be left over from before a restart.
                        found.merge(
                                candidate.name(),
                                candidate,
                                (a, b) -> a.reached().isAfter(b.reached()) ? b : a);
                    });
        }
        List<Candidate> near = new ArrayList<>(found.values());
        if (settings.maximumLag() > 0) {
            Lsn best = near.size() < 2
                    ? status.position()
                    : near.stream()
                            .map(Candidate::reached)
                            .max(Comparator.naturalOrder())
                            .get();
            near.removeIf(c -> best.minus(c.reached()) > settings.maximumLag());
        }
        near.sort(Comparator.comparing(Candidate::nofailover)
                .thenComparing(Comparator.comparingInt(Candidate::priority).reversed())
                .thenComparing(Comparator.comparing(Candidate::syncState).reversed())
                .thenComparing(Comparator.comparing(Candidate::reached).reversed())
                .thenComparing(Candidate::name));
        return new SyncCandidates(near);
    }

    /** Its agent has not said that it stops. A server that is too slow for its agent's question still streams. */
    private static boolean alive(Member member) {
        return member.isRunning() || member.state().equals("unknown");
    }

    /** It streams from another standby, or will as soon as it can: it gets nothing before that one. */
    private static boolean behindAnother(ClusterView view, String me, Member member, Set<String> streaming) {
        Set<String> passed = new HashSet<>();
        Optional<String> source = member.replicateFrom();
        while (source.isPresent()
                && !source.get().equalsIgnoreCase(me)
                && !source.get().equalsIgnoreCase(member.name())
                && passed.add(lower(source.get()))) {
            if (streaming.contains(lower(source.get()))) {
                return true;
            }
            source = member(view, source.get()).flatMap(Member::replicateFrom);
        }
        return false;
    }

    private static Optional<Member> member(ClusterView view, String name) {
        return view.members().stream()
                .filter(m -> m.name().equalsIgnoreCase(name))
                .findFirst();
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
        inOrder.stream().limit(count).forEach(c -> names.add(c.name()));
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
        inOrder.stream()
                .filter(c -> c.listed() && listInForceSince.isPresent())
                .filter(c -> !listInForceSince.get().isAfter(c.reached()))
                .forEach(c -> names.add(c.name()));
        return names;
    }

    static String lower(String name) {
        return name.toLowerCase(Locale.ROOT);
    }
}
