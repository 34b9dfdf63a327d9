package dev.matriarch.raft;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Versioned;
import dev.matriarch.proto.store.v1.PeerIdentity;
import dev.matriarch.proto.store.v1.PeerSight;
import dev.matriarch.proto.store.v1.ServerNote;
import dev.matriarch.proto.store.v1.SurveyReply;
import dev.matriarch.proto.store.v1.ViewReply;
import dev.matriarch.raft.Recovery.Dead;
import dev.matriarch.raft.Recovery.Server;
import dev.matriarch.raft.Recovery.Survivor;
import dev.matriarch.raft.state.SavedStore;
import dev.matriarch.raft.state.SnapshotFormat;
import dev.matriarch.raft.state.StoreState;
import dev.matriarch.raft.state.StoreState.Lease;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.TreeMap;
import java.util.stream.Collectors;

/** Whether and how a new store may take the place of one that has lost its majority. Pure. */
final class RecoveryPlan {
    private static final ObjectMapper MAPPER = new ObjectMapper();
    private static final long DEFAULT_TTL_MILLIS = 30_000;

    /** Beside a tenth of the ttl: clocks of different hosts, and an answer that was under way. */
    private static final long MARGIN_MILLIS = 1000;

    /**
     * What came back from an address.
     *
     * @param view of an agent that is too old for the other question, or that answers it as well
     */
    record Heard(Optional<ViewReply> view, Optional<SurveyReply> survey) {
        static final Heard NOTHING = new Heard(Optional.empty(), Optional.empty());
    }

    private static final long SILENT_MILLIS = 5000;

    private RecoveryPlan() {}

    /** It leads, or heard the Raft leader a moment ago: somebody has a majority. */
    static boolean hearsALeader(ViewReply view) {
        return view.getRole().equals("leader")
                || view.hasLastContactMillis() && view.getLastContactMillis() < SILENT_MILLIS;
    }

    /**
     * @param own of the peer that was asked
     * @param heard by the peers' addresses
     * @param alive by name: why a member whose peer does not answer is not dead all the same
     */
    static Recovery of(String scope, SurveyReply own, Map<String, Heard> heard, Map<String, String> alive) {
        ViewReply me = own.getView();
        if (me.getGroupId().isEmpty() || own.getSaved().isEmpty()) {
            String why = me.getProblem().isEmpty() ? "it is part of no store" : me.getProblem();
            return refused(
                    scope,
                    me.getGroupId(),
                    List.of(me.getMe().getName() + " cannot say what the store held: " + why
                            + ". Ask another survivor (--endpoint)"));
        }
        if (me.getMe().getListener()) {
            return refused(
                    scope,
                    me.getGroupId(),
                    List.of(me.getMe().getName()
                            + " is a listener, which cannot be the first peer of a new store. Ask a"
                            + " survivor that has a vote (--endpoint)"));
        }
        List<String> refusals = new ArrayList<>();
        List<PeerIdentity> voters = voters(own, heard);
        Map<String, SurveyReply> answers = new LinkedHashMap<>();
        List<Dead> dead = new ArrayList<>();
        for (PeerIdentity voter : voters) {
            Heard answer = heard.getOrDefault(voter.getAddress(), Heard.NOTHING);
            String name = PeerMarker.nameOf(voter.getPeerId());
            if (answer.view().isEmpty()) {
                dead.add(new Dead(voter.getPeerId(), name, voter.getAddress()));
                Optional.ofNullable(alive.get(name))
                        .ifPresent(why -> refusals.add("the peer of " + name + " at "
                                + voter.getAddress() + " does not answer, but " + why
                                + ": the member is not dead. Stop it, or bring its peer back"));
            } else {
                examine(voter, answer, me.getGroupId(), answers, dead, refusals);
            }
        }
        int majority = Membership.majority(voters.size());
        if (answers.size() >= majority) {
            refusals.addFirst(answers.size() + " of " + voters.size() + " peers answer, and " + majority
                    + " are enough: the store is not lost, its peers elect a leader by themselves");
        }
        for (SurveyReply answer : answers.values()) {
            if (hearsALeader(answer.getView())) {
                refusals.add(answer.getView().getMe().getName()
                        + " hears a Raft leader, or has done so within the last 5 s: others may reach a majority that this"
                        + " peer does not. Wait, and try again");
            }
        }
        heard.values().stream()
                .flatMap(h -> h.view().stream())
                .filter(v -> v.getMe().getListener() && v.getGroupId().equals(me.getGroupId()) && hearsALeader(v))
                .forEach(v -> refusals.add("the listener " + v.getMe().getName()
                        + " hears a Raft leader, or has done so within the last 5 s: the store has a majority somewhere."
                        + " Wait, and try again"));
        List<Survivor> survivors = answers.entrySet().stream()
                .map(e -> survivor(e.getKey(), e.getValue()))
                .sorted(RecoveryPlan::betterServerFirst)
                .toList();
        Optional<Survivor> founder = survivors.stream()
                .max(Comparator.comparingLong(Survivor::lastTerm)
                        .thenComparingLong(Survivor::lastIndex)
                        .thenComparing(Survivor::peerId));
        Optional<StoreState> state = Optional.empty();
        try {
            if (founder.isPresent()) {
                byte[] saved = answers.get(founder.get().peerId()).getSaved().toByteArray();
                state = Optional.of(SavedStore.read(saved).state());
            }
        } catch (SnapshotFormat.UnreadableSnapshot e) {
            refusals.add("what " + founder.get().name() + " has of the store " + e.getMessage());
        }
        if (state.isEmpty()) {
            return new Recovery(
                    scope, me.getGroupId(), refusals, survivors, dead, founder, false, List.of(), List.of(), 0);
        }
        ClusterView view = new ClusterViews().of(state.get());
        databases(view, survivors, refusals);
        Losses.Verdict verdict = Losses.of(view, survivors, dead);
        return new Recovery(
                scope,
                me.getGroupId(),
                List.copyOf(refusals),
                survivors,
                dead,
                founder,
                verdict.lossless(),
                verdict.findings(),
                verdict.safe(),
                wait(state.get(), view));
    }

    private static Recovery refused(String scope, String group, List<String> why) {
        return new Recovery(scope, group, why, List.of(), List.of(), Optional.empty(), false, List.of(), List.of(), 0);
    }

    /** By the copy that reaches furthest: its list of voters is the last one. */
    private static List<PeerIdentity> voters(SurveyReply own, Map<String, Heard> heard) {
        SurveyReply furthest = own;
        for (Heard one : heard.values()) {
            SurveyReply other = one.survey().orElse(own);
            boolean further = other.getLastTerm() > furthest.getLastTerm()
                    || other.getLastTerm() == furthest.getLastTerm() && other.getLastIndex() > furthest.getLastIndex();
            if (further && other.getView().getGroupId().equals(own.getView().getGroupId())) {
                furthest = other;
            }
        }
        return furthest.getView().getPeersList().stream()
                .map(PeerSight::getPeer)
                .filter(p -> !p.getListener())
                .toList();
    }

    /** A peer's address was answered: by itself, by another one that came after it, or by one that is of no use. */
    private static void examine(
            PeerIdentity voter,
            Heard answer,
            String group,
            Map<String, SurveyReply> answers,
            List<Dead> dead,
            List<String> refusals) {
        ViewReply view = answer.view().orElseThrow();
        String name = view.getMe().getName();
        boolean itself = view.getMe().getPeerId().equals(voter.getPeerId());
        if (!view.getGroupId().isEmpty() && !view.getGroupId().equals(group)) {
            refusals.add(name + " at " + voter.getAddress() + " is part of another store (" + view.getGroupId()
                    + "): was this one given up already? The agents that belong to it say how to go on");
        } else if (!itself) {
            // A new peer with an empty disk waits there: what the old one had is gone.
            dead.add(new Dead(voter.getPeerId(), PeerMarker.nameOf(voter.getPeerId()), voter.getAddress()));
        } else if (answer.survey().isEmpty()) {
            refusals.add(name + " at " + voter.getAddress() + " answers, but is too old for this question, or busy."
                    + " Upgrade it, or stop it if it is to be counted as dead");
        } else if (answer.survey().get().getSaved().isEmpty()) {
            refusals.add(name + " at " + voter.getAddress() + " answers, but has no store that works ("
                    + (view.getProblem().isEmpty() ? view.getRole() : view.getProblem())
                    + "). Repair it, or stop it if it is to be counted as dead");
        } else {
            answers.put(voter.getPeerId(), answer.survey().get());
        }
    }

    private static Survivor survivor(String peerId, SurveyReply answer) {
        ViewReply view = answer.getView();
        return new Survivor(
                peerId,
                view.getMe().getName(),
                view.getMe().getAddress(),
                answer.hasServer() && answer.getServer().getData()
                        ? Optional.of(server(answer.getServer()))
                        : Optional.empty(),
                answer.getLastTerm(),
                answer.getLastIndex(),
                view.hasLastContactMillis() ? OptionalLong.of(view.getLastContactMillis()) : OptionalLong.empty());
    }

    private static Server server(ServerNote note) {
        return new Server(
                note.getRunning(),
                note.getRunning() && !note.getInRecovery(),
                note.getTimeline(),
                note.getLsn(),
                note.getSystemIdentifier(),
                note.getNofailover());
    }

    /** By timeline, then by position; those without a server last. */
    static int betterServerFirst(Survivor a, Survivor b) {
        Comparator<Survivor> better = Comparator.<Survivor>comparingInt(
                        s -> s.server().map(Server::timeline).orElse(-1))
                .thenComparing((x, y) -> Long.compareUnsigned(
                        x.server().map(Server::lsn).orElse(0L),
                        y.server().map(Server::lsn).orElse(0L)));
        int order = better.reversed().compare(a, b);
        return order != 0 ? order : a.name().compareTo(b.name());
    }

    private static void databases(ClusterView view, List<Survivor> survivors, List<String> refusals) {
        Map<String, String> whose = new TreeMap<>();
        view.initialize().map(Versioned::value).filter(id -> !id.isEmpty()).ifPresent(id -> whose.put(id, "the store"));
        for (Survivor s : survivors) {
            s.server()
                    .map(Server::systemIdentifier)
                    .filter(id -> !id.isEmpty())
                    .ifPresent(id -> whose.merge(id, s.name(), (x, y) -> x + ", " + y));
        }
        if (whose.size() > 1) {
            refusals.add("the survivors do not hold the same database: "
                    + whose.entrySet().stream()
                            .map(e -> "system identifier " + e.getKey() + " (" + e.getValue() + ")")
                            .collect(Collectors.joining(", "))
                    + ". Stop those that do not belong to this cluster");
        }
        if (view.initialize().isPresent()
                && survivors.stream().noneMatch(s -> s.server().isPresent())) {
            refusals.add("no survivor has a PostgreSQL data directory: there is nothing to go on with. Restore a"
                    + " backup of the database into a new cluster");
        }
    }

    /** Longer than any lease that anybody may still count on: of the holder that is known, and of the configured length. */
    private static long wait(StoreState state, ClusterView view) {
        long ttl =
                state.lease(ClusterCommands.LEADER_LEASE).map(Lease::ttlMillis).orElse(0L);
        long configured = DEFAULT_TTL_MILLIS;
        try {
            configured = view.config().isEmpty()
                    ? DEFAULT_TTL_MILLIS
                    : Math.round(1000
                            * MAPPER.readTree(view.config().get().value())
                                    .path("ttl")
                                    .asDouble(DEFAULT_TTL_MILLIS / 1000.0));
        } catch (JsonProcessingException e) {
            // Nobody could have led by it: the default was in force.
        }
        long longest = Math.max(ttl, configured);
        return longest + longest / 10 + MARGIN_MILLIS;
    }
}
