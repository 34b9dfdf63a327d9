package dev.matriarch.raft;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Leader;
import dev.matriarch.dcs.Lsn;
import dev.matriarch.dcs.SyncState;
import dev.matriarch.dcs.Versioned;
import dev.matriarch.raft.Recovery.Dead;
import dev.matriarch.raft.Recovery.Server;
import dev.matriarch.raft.Recovery.Survivor;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;

/**
 * Which acknowledged commits the survivors have, by the last state of the store that one of them knows. A commit is
 * acknowledged when the synchronous standbys of that moment have it; the store names them before PostgreSQL stops waiting
 * for others. Pure.
 */
final class Losses {
    private static final ObjectMapper MAPPER = new ObjectMapper();

    /**
     * @param safe members that have every acknowledged commit
     * @param findings in sentences
     */
    record Verdict(boolean lossless, List<String> safe, List<String> findings) {}

    private Losses() {}

    /** @param survivors the best server first */
    static Verdict of(ClusterView view, List<Survivor> survivors, List<Dead> dead) {
        Verdict verdict = known(view, survivors, dead);
        List<String> findings = new ArrayList<>(verdict.findings());
        boolean lossless = verdict.lossless();
        if (heard(survivors).isEmpty()) {
            findings.add("How old that is cannot be told: whoever has the newest copy has not heard the store since it"
                    + " started. More may be lost.");
            lossless = false;
        }
        List<String> stopped = survivors.stream()
                .filter(s -> s.server().filter(v -> !v.running()).isPresent())
                .map(Survivor::name)
                .toList();
        if (!lossless && !stopped.isEmpty()) {
            findings.add("PostgreSQL does not run on " + String.join(", ", stopped)
                    + ": its WAL may reach further than its control file says. Start it first and look again.");
        }
        findings.addAll(modes(view));
        return new Verdict(lossless, verdict.safe(), findings);
    }

    /** What the configuration makes different from an ordinary election. */
    private static List<String> modes(ClusterView view) {
        JsonNode config;
        try {
            config = MAPPER.readTree(view.config().map(Versioned::value).orElse("{}"));
        } catch (JsonProcessingException e) {
            return List.of("The configuration in the store cannot be read.");
        }
        List<String> findings = new ArrayList<>();
        if (on(config.path("pause"))) {
            findings.add("The cluster is paused: nobody is elected in the new store either, until you end that"
                    + " (matriarchctl resume).");
        }
        if (on(config.path("failsafe_mode"))) {
            findings.add("failsafe_mode is on: a leader among the dead that still runs goes on without the store while"
                    + " the members that it knows answer it. Make sure that it is switched off.");
        }
        if (config.path("standby_cluster").isObject()) {
            findings.add("This is a standby cluster: it acknowledges no commits of its own, and what is missing here is"
                    + " on the cluster that it follows.");
        }
        return findings;
    }

    private static boolean on(JsonNode value) {
        return Set.of("true", "on", "yes", "1").contains(value.asText("").toLowerCase(Locale.ROOT));
    }

    private static Verdict known(ClusterView view, List<Survivor> survivors, List<Dead> dead) {
        List<Survivor> servers =
                survivors.stream().filter(s -> s.server().isPresent()).toList();
        if (view.initialize().isEmpty() && view.leader().isEmpty()) {
            return new Verdict(true, List.of(), List.of("The store held no cluster yet: there is nothing to lose."));
        }
        if (servers.isEmpty()) {
            return new Verdict(false, List.of(), List.of("No survivor has a PostgreSQL data directory."));
        }
        List<String> findings = new ArrayList<>();
        findings.add(age(survivors));
        int newest = servers.getFirst().server().orElseThrow().timeline();
        List<Survivor> current = servers.stream()
                .filter(s -> server(s).timeline() == newest && newest > 0)
                .toList();
        Optional<SyncState> sync =
                view.sync().map(Versioned::value).filter(s -> !s.leader().isEmpty());
        Optional<String> leader = view.leader().map(Leader::name).or(() -> sync.map(SyncState::leader));
        Optional<Survivor> led = current.stream()
                .filter(s -> leader.filter(s.name()::equalsIgnoreCase).isPresent())
                .filter(s -> !server(s).nofailover())
                .findFirst();
        List<String> safe = safe(sync, current, led);
        Survivor best = servers.getFirst();
        String position = new Lsn(server(best).lsn()).toString();
        if (led.isPresent()) {
            findings.add("Every acknowledged commit is on " + led.get().name() + ": it led, and survives.");
            List<Survivor> rivals = servers.stream()
                    .filter(s -> !s.equals(led.get()) && !server(s).nofailover())
                    .toList();
            if (sync.isPresent() || rivals.isEmpty()) {
                return new Verdict(true, safe, findings);
            }
            findings.add("But no standby was synchronous, so any survivor may be elected if "
                    + led.get().name()
                    + " does not answer in that moment: commits after "
                    + new Lsn(server(rivals.getFirst()).lsn())
                    + ", where " + rivals.getFirst().name() + " stands, may then be lost.");
            return new Verdict(false, List.of(), findings);
        }
        if (!safe.isEmpty()) {
            findings.add("Every acknowledged commit is on " + String.join(" and on ", safe)
                    + ": PostgreSQL on " + leader.orElse("the leader") + " waited for "
                    + (sync.orElseThrow().quorum() > 0 ? "a quorum of " : "")
                    + String.join(", ", sync.orElseThrow().voters()) + " before it confirmed one.");
            findings.add(
                    "Commits that did not wait (synchronous_commit off or local) may be lost after " + position + ".");
            return new Verdict(true, safe, findings);
        }
        String may = "commits acknowledged after " + position + " on timeline "
                + server(best).timeline() + ", where " + best.name() + " stands, may be lost.";
        if (sync.isPresent() && !sync.get().voters().isEmpty()) {
            findings.add("The synchronous standbys of " + leader.orElse("the leader") + " were "
                    + String.join(", ", sync.get().voters())
                    + (sync.get().quorum() > 0 ? " (a quorum of them)" : "")
                    + ", and too few of them survive on the newest timeline: " + may);
        } else {
            findings.add("No standby was synchronous: " + may);
        }
        Lsn known = view.status().optime();
        if (!known.equals(Lsn.INVALID)
                && Long.compareUnsigned(known.value(), server(best).lsn()) > 0) {
            findings.add("The last position that " + leader.orElse("the leader") + " noted in the store is " + known
                    + ": at least " + (known.value() - server(best).lsn()) + " bytes of WAL are lost for certain.");
        }
        findings.add(
                "With synchronous_mode on, the best of them that may lead is the only one that can be elected first.");
        findings.add("What was lost may still be on the disks of "
                + String.join(", ", dead.stream().map(Dead::name).toList()) + ": keep them.");
        return new Verdict(false, List.of(), findings);
    }

    private static List<String> safe(Optional<SyncState> sync, List<Survivor> current, Optional<Survivor> led) {
        List<String> safe = new ArrayList<>();
        led.ifPresent(l -> safe.add(l.name()));
        if (sync.isEmpty()) {
            return safe;
        }
        List<Survivor> standbys = current.stream()
                .filter(s -> sync.get().voters().stream().anyMatch(s.name()::equalsIgnoreCase))
                .toList();
        if (sync.get().quorum() == 0) {
            standbys.stream().filter(s -> !server(s).nofailover()).forEach(s -> safe.add(s.name()));
        } else if (led.isEmpty()
                && standbys.size() > sync.get().quorum()
                && !server(standbys.getFirst()).nofailover()
                && standbys.stream()
                        .allMatch(s -> server(s).running() && server(s).lsn() != 0)) {
            // One of them has each commit, and the best of them has what any of them has.
            safe.add(standbys.getFirst().name());
        }
        return List.copyOf(safe);
    }

    private static Server server(Survivor survivor) {
        return survivor.server().orElseThrow();
    }

    private static String age(List<Survivor> survivors) {
        OptionalLong heard = heard(survivors);
        return "This is what the survivors know of the store"
                + (heard.isPresent() ? ", last heard " + heard.getAsLong() / 1000 + " s ago" : "")
                + ": who was promoted or made synchronous without their knowledge is not known.";
    }

    /** Of those whose copy is the newest: what others heard does not make it younger. */
    private static OptionalLong heard(List<Survivor> survivors) {
        Comparator<Survivor> newer =
                Comparator.comparingLong(Survivor::lastTerm).thenComparingLong(Survivor::lastIndex);
        Optional<Survivor> newest = survivors.stream().max(newer);
        return survivors.stream()
                .filter(s -> newer.compare(s, newest.orElseThrow()) == 0)
                .flatMapToLong(s -> s.lastContactMillis().stream())
                .min();
    }
}
