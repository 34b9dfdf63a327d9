package dev.matriarch.agent.recorder;

import dev.matriarch.agent.ha.Lease;
import dev.matriarch.agent.ha.LocalPostgres;
import dev.matriarch.agent.ha.Observation;
import dev.matriarch.agent.ha.Store;
import dev.matriarch.agent.ha.Survey;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Member;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/** What mattered in an observation, in short sentences for people. Pure. */
final class Facts {
    private Facts() {}

    static List<String> of(Observation seen) {
        List<String> facts = new ArrayList<>();
        switch (seen.store()) {
            case Store.Known(ClusterView view) -> cluster(view, facts);
            case Store.Unreachable(String why) -> facts.add("the store does not answer: " + why);
        }
        if (seen.lease() instanceof Lease.Held held) {
            facts.add("holds the lease of epoch " + held.epoch() + " for another "
                    + (held.deadline() - seen.now()) / 1_000_000 + " ms");
        }
        facts.add(postgres(seen.postgres()));
        seen.task().ifPresent(t -> facts.add("task: " + t.kind().words()));
        seen.order()
                .ifPresent(o ->
                        facts.add("ordered: " + o.getClass().getSimpleName().toLowerCase(Locale.ROOT)));
        if (seen.settings().paused()) {
            facts.add("the cluster is paused");
        }
        if (seen.situation().steppingDown()) {
            facts.add("is stepping down");
        }
        if (seen.situation().failedStarts() > 0) {
            facts.add(seen.situation().failedStarts() + " failed starts in a row");
        }
        seen.survey().ifPresent(s -> s.answers().forEach(a -> facts.add(answer(a))));
        return facts;
    }

    private static void cluster(ClusterView view, List<String> facts) {
        facts.add(view.leader()
                .map(l -> l.name() + " leads (epoch " + l.epoch() + ")")
                .orElse("nobody leads"));
        facts.add("members: " + view.members().stream().map(Member::name).collect(Collectors.joining(", ")));
        facts.add("last published position " + view.status().optime());
        view.sync()
                .map(s -> s.value())
                .filter(s -> !s.leader().isEmpty())
                .ifPresent(s -> facts.add(
                        "synchronous to " + s.leader() + ": " + s.voters() + ", " + s.quorum() + " votes wanted"));
        view.pendingFailover()
                .map(f -> f.value())
                .ifPresent(f -> facts.add((f.isSwitchover() ? "switchover" : "failover") + " asked for, from "
                        + f.leader().orElse("anybody") + " to " + f.candidate().orElse("anybody")
                        + f.scheduledAt().map(t -> " at " + t).orElse("")));
    }

    private static String postgres(LocalPostgres pg) {
        String text = "PostgreSQL "
                + pg.process().name().toLowerCase(Locale.ROOT)
                + pg.status()
                        .map(s -> (s.inRecovery() ? ", replica" : ", primary") + ", timeline " + s.timeline() + " at "
                                + s.position() + (s.streaming() ? ", streaming" : ""))
                        .orElse("")
                + pg.control()
                        .map(c ->
                                ", control file: " + c.state() + ", timeline " + c.timeline() + " at " + c.checkpoint())
                        .orElse("");
        boolean usual = pg.dataDirectory() == LocalPostgres.DataDirectory.VALID;
        return text
                + (usual ? "" : ", data directory " + pg.dataDirectory().name().toLowerCase(Locale.ROOT))
                + (pg.problem().isEmpty() ? "" : ": " + pg.problem());
    }

    private static String answer(Survey.Answer a) {
        return a.reachable()
                ? a.name() + " answered: "
                        + (a.running() ? a.inRecovery() ? "replica" : "primary" : "PostgreSQL not running")
                        + ", timeline " + a.timeline() + " at " + a.lsn() + (a.nofailover() ? ", nofailover" : "")
                : a.name() + " did not answer";
    }
}
