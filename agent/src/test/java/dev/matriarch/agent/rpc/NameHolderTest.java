package dev.matriarch.agent.rpc;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.matriarch.agent.config.HostPort;
import dev.matriarch.dcs.Member;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Who answers at the address in a record of one's own name. */
class NameHolderTest {
    private static final Duration PATIENCE = Duration.ofSeconds(5);

    private final RpcTransport transport = new RpcTransport();
    private final Peers there = new Peers(transport, "demo", "n1");
    private final Peers here = new Peers(transport, "demo", "n1");
    private HostPort address;
    private RpcDoor door;

    @BeforeEach
    void open() throws Exception {
        try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"))) {
            address = new HostPort("127.0.0.1", free.getLocalPort());
        }
        door = RpcDoor.open(
                address, new FakeLocalAgent("n1", new FakeDcs()), transport, there, json -> List.<String>of());
    }

    @AfterEach
    void close() {
        door.close();
        there.close();
        here.close();
        transport.close();
    }

    private Member record() {
        return FakeLocalAgent.member("n1", "replica", address.toString());
    }

    @Test
    void anotherRunIsAnotherAgent() {
        assertEquals(Peers.NameHolder.ANOTHER_AGENT, here.nameHolder(record(), PATIENCE));
    }

    @Test
    void theSameRunIsThisAgent() {
        assertEquals(Peers.NameHolder.THIS_AGENT, there.nameHolder(record(), PATIENCE));
    }

    @Test
    void whoeverElseAnswersOrNotDoesNotHaveTheName() {
        Peers n2 = new Peers(transport, "demo", "n2");
        Peers otherCluster = new Peers(transport, "prod", "n1");
        try {
            assertEquals(Peers.NameHolder.NOBODY, n2.nameHolder(record(), PATIENCE));
            assertEquals(Peers.NameHolder.NOBODY, otherCluster.nameHolder(record(), PATIENCE));
            assertEquals(
                    Peers.NameHolder.NOBODY,
                    here.nameHolder(FakeLocalAgent.member("n1", "replica", ""), PATIENCE),
                    "a record without a gRPC address");
            door.close();
            assertEquals(Peers.NameHolder.NOBODY, here.nameHolder(record(), PATIENCE));
        } finally {
            n2.close();
            otherCluster.close();
        }
    }
}
