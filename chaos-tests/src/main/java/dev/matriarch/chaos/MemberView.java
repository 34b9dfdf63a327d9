package dev.matriarch.chaos;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * A member as an agent shows it.
 *
 * @param role as GET /cluster prints it: leader, sync_standby, quorum_standby, replica
 * @param tagged whether the member has tags: it may then be left out of a quorum for good
 */
public record MemberView(String name, String role, String state, int timeline, long lag, boolean tagged) {
    private static final ObjectMapper JSON = new ObjectMapper();

    /** @param cluster the body of GET /cluster */
    static List<MemberView> listed(String cluster) {
        List<MemberView> members = new ArrayList<>();
        try {
            for (JsonNode m : JSON.readTree(cluster).path("members")) {
                members.add(new MemberView(
                        m.path("name").asText(),
                        m.path("role").asText(),
                        m.path("state").asText(),
                        m.path("timeline").asInt(),
                        m.path("lag").asLong(0),
                        !m.path("tags").isEmpty()));
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return members;
    }

    /**
     * The leader that runs and that all others follow; empty: there is none, or not all of them do.
     *
     * @param count how many members there have to be
     * @param sayThatTheyStream false of replicas that call themselves running
     */
    static Optional<MemberView> leaderOfAll(List<MemberView> members, int count, boolean sayThatTheyStream) {
        Optional<MemberView> leader = members.stream()
                .filter(m -> m.role().equals("leader") && m.state().equals("running"))
                .findFirst();
        int timeline = leader.map(MemberView::timeline).orElse(-1);
        long following = members.stream()
                .filter(m -> !m.role().equals("leader")
                        && (m.state().equals("streaming")
                                || !sayThatTheyStream && m.state().equals("running"))
                        && m.timeline() == timeline)
                .count();
        return leader.filter(l -> following == count - 1);
    }

    /** Of a cluster with a quorum: whether this replica is counted or soon will be. */
    static boolean countsInAQuorum(List<MemberView> members, String replica) {
        return members.stream().anyMatch(m -> m.role().equals("quorum_standby"))
                && members.stream()
                        .anyMatch(m -> m.name().equals(replica) && (m.role().equals("quorum_standby") || !m.tagged()));
    }
}
