package dev.matriarch.ctl;

import dev.matriarch.proto.control.v1.GetClusterReply;
import dev.matriarch.proto.control.v1.MemberRow;
import java.net.URI;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What a template may name, under the names that {@code GET /cluster} has. Nothing in it changes with every write, such as a
 * position or a lag: what is made of it changes when the cluster does. Pure.
 */
final class TemplateFacts {
    /** As old as this a view may always be; an agent looks at the cluster once in each loop_wait. */
    private static final double FRESH_SECONDS = 10;

    private TemplateFacts() {}

    /**
     * Members that have not published an address yet are left out. Without a leader there is no key {@code leader}.
     *
     * @throws CtlException if this is nothing to write a file of: no members, or what an agent saw that has lost its store
     */
    static Map<String, Object> of(GetClusterReply cluster) {
        double age = cluster.getViewAgeMillis() / 1000.0;
        if (age > Math.max(FRESH_SECONDS, 3 * cluster.getLoopWaitSeconds())) {
            throw CtlException.refused(cluster.getAnsweredBy() + " has not seen the cluster for "
                    + (cluster.getViewAgeMillis() / 1000) + " seconds: it cannot say who leads now");
        }
        List<MemberRow> members = cluster.getMembersList().stream()
                .filter(m -> !m.getHost().isEmpty() && m.getPort() > 0)
                .sorted(Comparator.comparing(MemberRow::getName))
                .toList();
        if (members.isEmpty()) {
            throw CtlException.refused("no member of " + cluster.getScope() + " is known with an address");
        }
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("cluster", cluster.getScope());
        facts.put("paused", cluster.getPaused());
        facts.put("members", members.stream().map(TemplateFacts::member).toList());
        facts.put(
                "replicas",
                members.stream()
                        .filter(m -> !ClusterTable.leads(m))
                        .map(TemplateFacts::member)
                        .toList());
        facts.put(
                "sync_standbys",
                members.stream()
                        .filter(m -> m.getRole().equals("sync_standby")
                                || m.getRole().equals("quorum_standby"))
                        .map(TemplateFacts::member)
                        .toList());
        members.stream()
                .filter(ClusterTable::leads)
                .findFirst()
                .ifPresent(leader -> facts.put("leader", member(leader)));
        return facts;
    }

    private static Map<String, Object> member(MemberRow row) {
        Map<String, Object> member = new LinkedHashMap<>();
        member.put("name", row.getName());
        member.put("role", row.getRole());
        member.put("leads", ClusterTable.leads(row));
        member.put("state", row.getState());
        member.put("host", row.getHost());
        member.put("port", row.getPort());
        member.put("api_url", row.getApiUrl());
        member.put("api_host", "");
        member.put("api_port", "");
        apiAddress(row.getApiUrl(), member);
        member.put("timeline", row.hasTimeline() ? (Object) row.getTimeline() : "");
        member.put("tags", new Tags(row.getTagsMap()));
        return member;
    }

    private static void apiAddress(String apiUrl, Map<String, Object> member) {
        try {
            URI url = URI.create(apiUrl);
            if (url.getHost() != null && url.getPort() > 0) {
                member.put("api_host", url.getHost().replace("[", "").replace("]", ""));
                member.put("api_port", url.getPort());
            }
        } catch (IllegalArgumentException noUrl) {
            // Stays empty, as api_url shows.
            return;
        }
    }

    /** Members have few of them: asking for one that is not there is no mistake, and answered with the empty text. */
    private static final class Tags extends HashMap<String, String> {
        private static final long serialVersionUID = 1L;

        Tags(Map<String, String> tags) {
            super(tags);
        }

        @Override
        public boolean containsKey(Object name) {
            return true;
        }

        @Override
        public String get(Object name) {
            String value = super.get(name);
            return value == null ? "" : value;
        }
    }
}
