package dev.matriarch.agent.rpc;

import dev.matriarch.agent.config.DynamicConfig;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.FailoverRequest;
import dev.matriarch.dcs.Leader;
import dev.matriarch.dcs.Member;
import dev.matriarch.proto.control.v1.ExplainReply;
import dev.matriarch.proto.control.v1.MemberOutlook;
import dev.matriarch.proto.peer.v1.CandidacyReply;
import java.time.Duration;
import java.time.Instant;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/** What would happen if the leader died now, and who could be promoted. Pure. */
final class Outlook {
    private Outlook() {}

    /**
     * @param candidacies of the members that answered, by name
     * @param positions of all members, by name
     */
    static ExplainReply of(
            ClusterView view,
            DynamicConfig config,
            Map<String, CandidacyReply> candidacies,
            Map<String, PeerAnswer> positions) {
        String leader = view.leader().map(Leader::name).orElse("");
        ExplainReply.Builder reply =
                ExplainReply.newBuilder().setLeader(leader).setGuarantee(Guarantee.sentence(view, config));
        for (Member member : view.members()) {
            reply.addMembers(member(member, leader, view, config, candidacies, positions));
        }
        List<String> heirs = heirs(candidacies, leader);
        if (!heirs.isEmpty()) {
            reply.setHeir(heirs.getFirst());
            reply.setFailoverSeconds(leader.isEmpty() ? 0 : config.ttl().toMillis() / 1000.0);
        }
        return reply.setOutlook(outlook(leader, config, heirs, reply.getMembersList()))
                .build();
    }

    /** Those who would stand, the one who would win first; more than one only if they are equal. */
    private static List<String> heirs(Map<String, CandidacyReply> candidacies, String leader) {
        Comparator<CandidacyReply> better = Comparator.<CandidacyReply>comparingInt(CandidacyReply::getTimeline)
                .thenComparing(CandidacyReply::getLsn, Long::compareUnsigned)
                .thenComparingInt(CandidacyReply::getFailoverPriority);
        List<CandidacyReply> standing = candidacies.values().stream()
                .filter(c -> c.getPromotable() && !c.getName().equals(leader))
                .sorted(better.reversed())
                .toList();
        return standing.stream()
                .filter(c -> better.compare(c, standing.getFirst()) == 0)
                .map(CandidacyReply::getName)
                .toList();
    }

    private static String outlook(
            String leader, DynamicConfig config, List<String> heirs, List<MemberOutlook> members) {
        if (config.paused()) {
            return "The cluster is paused: if " + (leader.isEmpty() ? "a primary" : leader)
                    + " died now, nothing would happen until somebody resumes or promotes.";
        }
        String who = String.join(" or ", heirs);
        if (leader.isEmpty()) {
            return heirs.isEmpty()
                    ? "Nobody leads, and nobody could be promoted at this moment."
                    : "Nobody leads; " + who + " would stand for election now.";
        }
        if (heirs.isEmpty()) {
            long silent = members.stream()
                    .filter(m -> !m.getReachable() && !m.getLeads())
                    .count();
            return "If " + leader
                    + " died now, nobody would be promoted: writes would stop until one of the members below"
                    + " can be" + (silent > 0 ? " (" + silent + " did not answer)" : "") + ".";
        }
        return "If " + leader + " died now, " + who + " would be promoted: its lease ends at the latest "
                + seconds(config.ttl()) + " s (ttl) after its last renewal, then the others elect.";
    }

    private static String seconds(Duration duration) {
        double seconds = duration.toMillis() / 1000.0;
        return seconds == Math.rint(seconds)
                ? String.format(Locale.ROOT, "%.0f", seconds)
                : String.format(Locale.ROOT, "%.1f", seconds);
    }

    private static MemberOutlook member(
            Member member,
            String leader,
            ClusterView view,
            DynamicConfig config,
            Map<String, CandidacyReply> candidacies,
            Map<String, PeerAnswer> positions) {
        String name = member.name();
        boolean leads = name.equals(leader);
        MemberOutlook.Builder outlook = MemberOutlook.newBuilder().setName(name).setLeads(leads);
        CandidacyReply candidacy = candidacies.get(name);
        if (candidacy == null) {
            String why = positions.get(name) instanceof PeerAnswer.Unreachable(String reason)
                    ? "its agent cannot be asked: " + reason
                    : "its agent does not know this question: it runs an older version";
            outlook.setWhy(why);
        } else {
            outlook.setReachable(true).setPromotable(candidacy.getPromotable()).setWhy(candidacy.getWhy());
            if (candidacy.getLsn() != 0) {
                outlook.setLsn(candidacy.getLsn());
            }
            if (candidacy.getTimeline() != 0) {
                outlook.setTimeline(candidacy.getTimeline());
            }
        }
        switchoverProblem(name, leader, view, config, positions)
                .ifPresentOrElse(outlook::setSwitchoverProblem, () -> outlook.setSwitchoverTarget(true));
        return outlook.build();
    }

    /** The answer that {@code switchover --candidate} would get now. */
    private static Optional<String> switchoverProblem(
            String name, String leader, ClusterView view, DynamicConfig config, Map<String, PeerAnswer> positions) {
        if (leader.isEmpty()) {
            return Optional.of("nobody leads");
        }
        SwitchoverCheck.Request request = new SwitchoverCheck.Request(
                SwitchoverCheck.Kind.SWITCHOVER, Optional.of(leader), Optional.of(name), Optional.empty());
        return switch (SwitchoverCheck.check(request, view, config, positions, Instant.EPOCH)) {
            case SwitchoverCheck.Verdict.Allowed(FailoverRequest key) ->
                QuorumSet.objection(key, view, config, positions);
            case SwitchoverCheck.Verdict.Refused(Outcome outcome) -> Optional.of(outcome.message());
        };
    }
}
