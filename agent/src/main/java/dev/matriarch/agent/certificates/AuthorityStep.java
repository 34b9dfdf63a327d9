package dev.matriarch.agent.certificates;

import dev.matriarch.proto.control.v1.CertificateRow;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Predicate;

/**
 * What comes next in a change of the cluster's authority, by what everybody shows. Pure. A step is taken only when all have taken the
 * one before, so whoever shows a certificate is accepted by all others at every moment, and the change can be taken up again
 * wherever it ended.
 */
sealed interface AuthorityStep {
    /** Nothing may be done. */
    record Refuse(String why) implements AuthorityStep {}

    /** Nobody has a new authority: {@code leader} makes one. @param replaced those that sign now, by fingerprint */
    record Begin(String leader, SortedSet<String> replaced) implements Work {
        @Override
        public String plan() {
            return "in place of " + String.join(" ", replaced);
        }
    }

    /** They keep the new authority and accept both. */
    record PutBy(String leader, String authority, List<String> whom) implements Work {
        @Override
        public String plan() {
            return "to " + authority;
        }
    }

    /** All accept both: they let the new one sign, their own certificates first. */
    record Sign(String leader, String authority, List<String> whom) implements Work {
        @Override
        public String plan() {
            return "to " + authority;
        }
    }

    /** Nobody shows a certificate of the old ones: they accept them no more. */
    record Drop(String leader, String authority, SortedSet<String> replaced, List<String> whom) implements Work {
        @Override
        public String plan() {
            return "to " + authority;
        }
    }

    /** The new one is the only one, everywhere. */
    record Over(String authority) implements AuthorityStep {}

    /** Something to do. */
    sealed interface Work extends AuthorityStep {
        /** The member that does it and tells the others to: one at a time, the same for whoever asks. */
        String leader();

        /** Two steps of one change have the same; tells whether what a person agreed to is still what is done. */
        String plan();
    }

    /**
     * @param rows what everybody shows, by name
     * @param members those of them that have a control port
     * @param target the authority that this run works for, by fingerprint; absent: it has done nothing yet
     */
    static AuthorityStep next(
            SortedMap<String, CertificateRow> rows, SortedSet<String> members, Optional<String> target) {
        Optional<String> obstacle = obstacle(rows, members);
        if (obstacle.isPresent()) {
            return new Refuse(obstacle.get());
        }
        SortedMap<String, List<String>> holders = new TreeMap<>();
        rows.forEach((name, row) -> {
            if (!row.getNextAuthority().isEmpty()) {
                holders.computeIfAbsent(row.getNextAuthority(), n -> new ArrayList<>())
                        .add(name);
            }
        });
        if (holders.size() > 1) {
            return new Refuse("there are two new authorities: " + holders
                    + ". Delete next-authority.pem in tls.directory where one of them is kept, and repeat the command");
        }
        if (holders.isEmpty()) {
            return target.map(t -> over(rows, t)).orElseGet(() -> new Begin(members.first(), signing(rows)));
        }
        String authority = holders.firstKey();
        if (target.isPresent() && !target.get().equals(authority)) {
            return new Refuse("somebody else changes the authority at the same time; repeat the command to go on");
        }
        String leader = holders.get(authority).stream()
                .filter(members::contains)
                .findFirst()
                .orElse("");
        if (leader.isEmpty()) {
            return new Refuse("the new authority is kept by " + holders.get(authority)
                    + " only, which cannot hand it on. Delete next-authority.pem in tls.directory there, and repeat the"
                    + " command");
        }
        return underWay(rows, leader, authority);
    }

    private static AuthorityStep underWay(SortedMap<String, CertificateRow> rows, String leader, String authority) {
        List<String> lacking = those(
                rows,
                r -> !r.getTrustedList().contains(authority)
                        || !r.getAuthority().equals(authority)
                                && !r.getNextAuthority().equals(authority));
        if (!lacking.isEmpty()) {
            return new PutBy(leader, authority, lacking);
        }
        List<String> old = those(rows, r -> !r.getAuthority().equals(authority) || !r.getFromAuthority());
        if (!old.isEmpty()) {
            return new Sign(leader, authority, old);
        }
        SortedSet<String> replaced = new TreeSet<>();
        rows.values().forEach(r -> replaced.addAll(r.getReplacedList()));
        replaced.remove(authority);
        List<String> accepting = those(
                rows,
                r -> !r.getNextAuthority().isEmpty()
                        || r.getTrustedList().stream().anyMatch(replaced::contains));
        // Who leads knows what is replaced: last of all.
        List<String> others =
                accepting.stream().filter(name -> !name.equals(leader)).toList();
        return new Drop(leader, authority, replaced, others.isEmpty() ? accepting : others);
    }

    private static AuthorityStep over(SortedMap<String, CertificateRow> rows, String target) {
        return signing(rows).equals(new TreeSet<>(List.of(target)))
                ? new Over(target)
                : new Refuse("somebody else changed the authority at the same time: look at cert status");
    }

    private static SortedSet<String> signing(SortedMap<String, CertificateRow> rows) {
        SortedSet<String> signing = new TreeSet<>();
        rows.values().forEach(r -> signing.add(r.getAuthority()));
        return signing;
    }

    private static List<String> those(SortedMap<String, CertificateRow> rows, Predicate<CertificateRow> which) {
        return rows.entrySet().stream()
                .filter(e -> which.test(e.getValue()))
                .map(java.util.Map.Entry::getKey)
                .toList();
    }

    private static Optional<String> obstacle(SortedMap<String, CertificateRow> rows, SortedSet<String> members) {
        if (members.isEmpty()) {
            return Optional.of("this member has not seen the cluster since it started; try again");
        }
        List<String> problems = new ArrayList<>();
        boolean silent = false;
        for (var row : rows.entrySet()) {
            CertificateRow shown = row.getValue();
            if (!shown.getProblem().isEmpty()) {
                silent = true;
                problems.add(row.getKey() + ": " + shown.getProblem());
            } else if (shown.getSource().equals("none")) {
                problems.add(row.getKey() + " has no TLS");
            } else if (!shown.getSource().equals("own")) {
                problems.add(row.getKey() + "'s certificate is brought by somebody else (tls.certificate)");
            } else if (!shown.getChangesAuthority()) {
                problems.add(row.getKey() + " runs an older version, which cannot; upgrade it");
            }
        }
        if (problems.isEmpty()) {
            return Optional.empty();
        }
        return Optional.of("the authority is changed by all or by none: " + String.join("; ", problems)
                + (silent ? ". A host that is gone for good is taken out first: matriarchctl raft remove-peer" : ""));
    }
}
