package dev.matriarch.agent.rpc;

import static dev.matriarch.agent.rpc.FakeLocalAgent.member;

import dev.matriarch.agent.config.HostPort;
import dev.matriarch.dcs.Member;
import dev.matriarch.proto.control.v1.ControlServiceGrpc;
import io.grpc.ManagedChannel;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;

/** The doors of two members, n1 that leads and n2, with nothing behind them but a store that tests write. */
abstract class TwoMembers {
    final FakeDcs dcs = new FakeDcs();
    final RpcTransport transport = new RpcTransport();
    final Peers peers = new Peers(transport, "demo", "n1");
    final FakeLocalAgent n1 = new FakeLocalAgent("n1", dcs);
    final FakeLocalAgent n2 = new FakeLocalAgent("n2", dcs);
    final List<AutoCloseable> open = new ArrayList<>();
    HostPort address1;
    HostPort address2;
    ManagedChannel channel;

    @BeforeEach
    void start() throws IOException {
        address1 = free();
        address2 = free();
        open.add(door(address1, n1));
        open.add(door(address2, n2));
        channel = transport.connect(address1);
        dcs.set(FakeDcs.view(10, "{\"ttl\":5}", "n1", members("primary", "replica"), null));
    }

    @AfterEach
    void stop() throws Exception {
        channel.shutdownNow();
        for (AutoCloseable one : open.reversed()) {
            one.close();
        }
        peers.close();
        transport.close();
    }

    RpcDoor door(HostPort address, FakeLocalAgent agent) throws IOException {
        return RpcDoor.open(
                address,
                agent,
                transport,
                peers,
                json -> json.contains("bogus") ? List.of("unknown key bogus") : List.of());
    }

    static HostPort free() throws IOException {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"))) {
            return new HostPort("127.0.0.1", socket.getLocalPort());
        }
    }

    List<Member> members(String role1, String role2) {
        return List.of(member("n1", role1, address1.toString()), member("n2", role2, address2.toString()));
    }

    ControlServiceGrpc.ControlServiceBlockingStub stub() {
        return ControlServiceGrpc.newBlockingStub(channel).withDeadlineAfter(25, TimeUnit.SECONDS);
    }
}
