package dev.matriarch.raft;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.reflect.Proxy;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.stream.Stream;
import org.apache.ratis.proto.RaftProtos.LeaderInfoProto;
import org.apache.ratis.proto.RaftProtos.RaftPeerProto;
import org.apache.ratis.proto.RaftProtos.RaftPeerRole;
import org.apache.ratis.proto.RaftProtos.RoleInfoProto;
import org.apache.ratis.proto.RaftProtos.ServerRpcProto;
import org.apache.ratis.protocol.RaftPeer;
import org.apache.ratis.server.DivisionInfo;
import org.apache.ratis.server.RaftConfiguration;
import org.apache.ratis.server.RaftServer;
import org.apache.ratis.thirdparty.com.google.protobuf.ByteString;
import org.junit.jupiter.api.Test;

class RoleInfoTest {
    private static final RoleInfoProto LEADER = RoleInfoProto.newBuilder()
            .setRole(RaftPeerRole.LEADER)
            .setLeaderInfo(LeaderInfoProto.newBuilder()
                    .addFollowerInfo(heard("n2", 40))
                    .addFollowerInfo(heard("n3", 9000)))
            .build();

    private static ServerRpcProto.Builder heard(String peerId, long millisAgo) {
        return ServerRpcProto.newBuilder()
                .setId(RaftPeerProto.newBuilder().setId(ByteString.copyFromUtf8(peerId)))
                .setLastRpcElapsedTimeMs(millisAgo);
    }

    private static final RaftConfiguration VOTERS = (RaftConfiguration) Proxy.newProxyInstance(
            RoleInfoTest.class.getClassLoader(),
            new Class<?>[] {RaftConfiguration.class},
            (proxy, method, arguments) -> arguments != null && arguments[0] == RaftPeerRole.FOLLOWER
                    ? Stream.of("n1", "n2", "n3")
                            .map(id -> RaftPeer.newBuilder().setId(id).build())
                            .toList()
                    : List.of());

    /** Ratis' own answers, one after the other; when there are no more, it fails as it does between two roles. */
    private static RaftServer.Division division(List<RoleInfoProto> answers) {
        Deque<RoleInfoProto> left = new ArrayDeque<>(answers);
        DivisionInfo info = (DivisionInfo) Proxy.newProxyInstance(
                RoleInfoTest.class.getClassLoader(),
                new Class<?>[] {DivisionInfo.class},
                (proxy, method, arguments) -> {
                    if (method.getName().equals("getRoleInfoProto")) {
                        if (left.isEmpty()) {
                            throw new IllegalStateException("currentTerm: expected == 107 but computed == 108");
                        }
                        return left.pop();
                    }
                    return null;
                });
        return (RaftServer.Division) Proxy.newProxyInstance(
                RoleInfoTest.class.getClassLoader(),
                new Class<?>[] {RaftServer.Division.class},
                (proxy, method, arguments) -> switch (method.getName()) {
                    case "getInfo" -> info;
                    case "getRaftConf" -> VOTERS;
                    default -> null;
                });
    }

    @Test
    void aLeaderThatIsAboutToStepDownIsInTouchAsLongAgoAsItLastWas() {
        RaftServer.Division division = division(List.of(LEADER));
        LeaderContact contact = new LeaderContact();
        assertEquals(40, contact.ageMillis(division));
        long age = contact.ageMillis(division);
        assertTrue(age >= 40 && age < 60_000, () -> "age " + age);
        assertEquals(Long.MAX_VALUE, new LeaderContact().ageMillis(division), "it never was");
        assertEquals(0, RoleInfo.of(division).getLeaderInfo().getFollowerInfoCount());
    }
}
