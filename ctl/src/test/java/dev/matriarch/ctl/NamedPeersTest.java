package dev.matriarch.ctl;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.proto.control.v1.Place;
import java.util.List;
import org.junit.jupiter.api.Test;

class NamedPeersTest {
    private static Place.Builder member(String name, String self, String... partners) {
        return Place.newBuilder().setName(name).setRaftSelf(self).addAllRaftPartners(List.of(partners));
    }

    private static List<String> obstacles(Place.Builder... members) {
        return NamedPeers.obstacles(
                List.of(members).stream().map(Place.Builder::build).toList());
    }

    private static void only(String part, List<String> obstacles) {
        assertEquals(1, obstacles.size(), obstacles::toString);
        assertTrue(obstacles.getFirst().contains(part), obstacles::toString);
    }

    @Test
    void membersThatNameEachOtherFormAStore() {
        assertEquals(List.of(), obstacles(member("n1", "a:1", "b:1"), member("n2", "b:1", "a:1")));
    }

    @Test
    void aMemberWithoutAPeerHasNoSay() {
        assertEquals(
                List.of(), obstacles(member("n1", "a:1", "b:1"), member("n2", "b:1", "a:1"), member("n3", "", "c:1")));
    }

    @Test
    void aWitnessMustListenBefore() {
        only("nobody listens at w:1", obstacles(member("n1", "a:1", "b:1", "w:1"), member("n2", "b:1", "a:1", "w:1")));
        assertEquals(
                List.of(),
                obstacles(
                        member("n1", "a:1", "b:1", "w:1"),
                        member("n2", "b:1", "a:1", "w:1").addRaftAnswering("w:1")),
                "one member that reaches it is enough");
    }

    @Test
    void whoNamesOthersIsNamed() {
        only(
                "n1 name a:1, b:1, c:1; n2 name a:1, b:1",
                obstacles(member("n1", "a:1", "b:1", "c:1"), member("n2", "b:1", "a:1")));
    }

    @Test
    void twoMembersCannotBeOnePeer() {
        only("n1 and n2 have the same raft.self_addr, a:1", obstacles(member("n1", "a:1"), member("n2", "a:1")));
    }
}
