package dev.matriarch.raft;

import dev.matriarch.proto.store.v1.PeerIdentity;
import dev.matriarch.proto.store.v1.PeerSight;
import dev.matriarch.proto.store.v1.ViewReply;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import java.util.Set;
import java.util.stream.Collectors;

/** Compares what the peers say of the group. Pure. */
final class GroupHealth {
    static final long SILENT_MILLIS = 3000;
    private static final long BEHIND_ENTRIES = 1000;

    /** What a peer is in the group. */
    private enum Part {
        VOTER,
        LISTENER,
        NONE
    }

    private GroupHealth() {}

    /**
     * @param own the answer of the peer that asked
     * @param asked by address: every peer that anybody named; empty: it did not answer
     */
    static GroupReport of(ViewReply own, Map<String, Optional<ViewReply>> asked) {
        Optional<ViewReply> leader = asked.values().stream()
                .flatMap(Optional::stream)
                .filter(v -> v.getRole().equals("leader"))
                .max(Comparator.comparingLong(ViewReply::getTerm));
        ViewReply authority = leader.orElse(own);
        Map<String, PeerIdentity> voters = new LinkedHashMap<>();
        Map<String, PeerIdentity> listeners = new LinkedHashMap<>();
        authority.getPeersList().stream()
                .map(PeerSight::getPeer)
                .forEach(p -> (p.getListener() ? listeners : voters).put(p.getPeerId(), p));
        List<GroupReport.Row> rows = new ArrayList<>();
        voters.values().forEach(v -> rows.add(row(v, answer(asked, v), leader, Part.VOTER)));
        listeners.values().forEach(l -> rows.add(row(l, answer(asked, l), leader, Part.LISTENER)));
        asked.values().stream()
                .flatMap(Optional::stream)
                .filter(v -> !voters.containsKey(v.getMe().getPeerId())
                        && !listeners.containsKey(v.getMe().getPeerId()))
                .forEach(v -> rows.add(row(v.getMe(), Optional.of(v), leader, Part.NONE)));
        rows.sort(Comparator.comparing(GroupReport.Row::name).thenComparing(GroupReport.Row::address));
        int healthy = (int) rows.stream().filter(r -> r.voter() && r.healthy()).count();
        return new GroupReport(
                authority.getGroupId(),
                rows,
                disagreements(asked, leader, voters),
                voters.size(),
                healthy,
                Math.max(0, healthy - Membership.majority(voters.size())),
                FeatureLevel.of(authority.getStoresFeatureLevel()));
    }

    /** An answer under another identity is that of another peer at the address. */
    private static Optional<ViewReply> answer(Map<String, Optional<ViewReply>> asked, PeerIdentity voter) {
        return asked.getOrDefault(voter.getAddress(), Optional.empty())
                .filter(v -> v.getMe().getPeerId().equals(voter.getPeerId()));
    }

    private static GroupReport.Row row(
            PeerIdentity peer, Optional<ViewReply> answer, Optional<ViewReply> leader, Part part) {
        String name = answer.map(v -> v.getMe().getName()).orElseGet(() -> PeerMarker.nameOf(peer.getPeerId()));
        if (answer.isEmpty()) {
            return new GroupReport.Row(
                    peer.getPeerId(),
                    name,
                    peer.getAddress(),
                    "unreachable",
                    Optional.empty(),
                    OptionalLong.empty(),
                    OptionalLong.empty(),
                    OptionalLong.empty(),
                    OptionalLong.empty(),
                    OptionalDouble.empty(),
                    OptionalDouble.empty(),
                    part == Part.VOTER,
                    part == Part.LISTENER,
                    "does not answer");
        }
        ViewReply view = answer.get();
        return new GroupReport.Row(
                peer.getPeerId(),
                name,
                peer.getAddress(),
                view.getRole(),
                view.getLeaderId().isEmpty() ? Optional.empty() : Optional.of(PeerMarker.nameOf(view.getLeaderId())),
                OptionalLong.of(view.getTerm()),
                OptionalLong.of(view.getCommitIndex()),
                OptionalLong.of(view.getAppliedIndex()),
                view.hasLastContactMillis() ? OptionalLong.of(view.getLastContactMillis()) : OptionalLong.empty(),
                view.hasFsyncP50Millis() ? OptionalDouble.of(view.getFsyncP50Millis()) : OptionalDouble.empty(),
                view.hasFsyncP99Millis() ? OptionalDouble.of(view.getFsyncP99Millis()) : OptionalDouble.empty(),
                part == Part.VOTER,
                part == Part.LISTENER,
                note(view, leader, part));
    }

    private static String note(ViewReply view, Optional<ViewReply> leader, Part part) {
        if (!view.getProblem().isEmpty()) {
            return view.getProblem();
        }
        if (part == Part.NONE) {
            return "is not a voter";
        }
        if (leader.isEmpty() || view.getLeaderId().isEmpty()) {
            return "knows of no Raft leader";
        }
        if (!view.hasLastContactMillis() || view.getLastContactMillis() > SILENT_MILLIS) {
            return "has not heard the Raft leader for a while";
        }
        long behind = leader.get().getCommitIndex() - view.getAppliedIndex();
        return behind > BEHIND_ENTRIES ? behind + " entries behind" : "";
    }

    private static List<String> disagreements(
            Map<String, Optional<ViewReply>> asked, Optional<ViewReply> leader, Map<String, PeerIdentity> voters) {
        List<String> found = new ArrayList<>();
        for (ViewReply view : asked.values().stream().flatMap(Optional::stream).toList()) {
            String name = view.getMe().getName();
            if (leader.isEmpty()
                    || view.getGroupId().isEmpty()
                    || view.getMe().getPeerId().equals(leader.get().getMe().getPeerId())) {
                continue;
            }
            if (!view.getGroupId().equals(leader.get().getGroupId())) {
                found.add(name + " is in another group (" + view.getGroupId() + ")");
                continue;
            }
            if (view.getRole().equals("leader")) {
                found.add(name + " says that it leads in term " + view.getTerm() + ", "
                        + leader.get().getMe().getName() + " leads in term "
                        + leader.get().getTerm());
            } else if (!view.getLeaderId().isEmpty()
                    && !view.getLeaderId().equals(leader.get().getMe().getPeerId())) {
                found.add(name + " takes " + PeerMarker.nameOf(view.getLeaderId()) + " for the Raft leader");
            }
            Set<String> its = view.getPeersList().stream()
                    .map(PeerSight::getPeer)
                    .filter(p -> !p.getListener())
                    .map(PeerIdentity::getPeerId)
                    .collect(Collectors.toSet());
            if (voters.containsKey(view.getMe().getPeerId()) && !its.equals(voters.keySet())) {
                found.add(name + " knows other voters: " + its.stream().sorted().collect(Collectors.joining(", ")));
            }
        }
        return found;
    }
}
