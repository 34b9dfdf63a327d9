package dev.matriarch.agent.rpc;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.agent.config.HostPort;
import dev.matriarch.dcs.Member;
import dev.matriarch.tls.Authority;
import dev.matriarch.tls.LiveTls;
import dev.matriarch.tls.TlsFiles;
import io.grpc.netty.shaded.io.netty.handler.ssl.util.BouncyCastleUtil;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.security.Security;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Members that ask each other for their positions, with certificates of all kinds. */
@Timeout(60)
class RpcTlsTest {
    private static final Duration PATIENCE = Duration.ofSeconds(8);

    @TempDir
    static Path dir;

    private static TlsFiles n1;
    private static TlsFiles n2;
    private static TlsFiles expired;
    private static TlsFiles elsewhere;
    private static TlsFiles foreign;

    private final List<AutoCloseable> open = new ArrayList<>();
    private final List<String> refusals = Collections.synchronizedList(new ArrayList<>());

    @BeforeAll
    static void certificates() throws Exception {
        Authority ca = new Authority(dir, "ca");
        n1 = ca.issue("n1");
        n2 = ca.issue("n2");
        expired = ca.issue("late", "IP:127.0.0.1", "-days -1");
        elsewhere = ca.issue("elsewhere", "IP:10.0.0.9", "-days 5");
        TlsFiles strange = new Authority(dir, "strangers").issue("foreign");
        foreign = new TlsFiles(ca.file(), strange.certificate(), strange.key(), Optional.empty());
    }

    @AfterEach
    void close() throws Exception {
        for (AutoCloseable one : open.reversed()) {
            one.close();
        }
    }

    private <T extends AutoCloseable> T opened(T one) {
        open.add(one);
        return one;
    }

    private RpcTransport transport(TlsFiles files) throws IOException {
        return opened(
                files == null ? new RpcTransport() : new RpcTransport(Optional.of(new LiveTls(files, refusals::add))));
    }

    /** @param files null: in plain text */
    private HostPort door(TlsFiles files) throws IOException {
        return door(transport(files));
    }

    private HostPort door(RpcTransport transport) throws IOException {
        HostPort address;
        try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"))) {
            address = new HostPort("127.0.0.1", free.getLocalPort());
        }
        Peers there = opened(new Peers(transport, "demo", "n1"));
        opened(RpcDoor.open(
                address, new FakeLocalAgent("n1", new FakeDcs()), transport, there, json -> List.<String>of()));
        return address;
    }

    private PeerAnswer asked(HostPort address, TlsFiles files) throws IOException {
        Peers here = opened(new Peers(transport(files), "demo", "n2"));
        return asked(address, here);
    }

    private static PeerAnswer asked(HostPort address, Peers here) {
        Member member = FakeLocalAgent.member("n1", "replica", address.toString());
        return here.positions(List.of(member), PATIENCE).get("n1");
    }

    private void refused(HostPort address, TlsFiles files, String... sentences) throws IOException {
        PeerAnswer.Unreachable answer = assertInstanceOf(PeerAnswer.Unreachable.class, asked(address, files));
        assertTrue(List.of(sentences).stream().anyMatch(answer.why()::contains), answer::why);
    }

    /** Some megabytes, which nobody asks. */
    @Test
    void bouncyCastlesProviderIsNotLoaded() throws Exception {
        door(n1);
        assertEquals(Set.of(), BouncyCastleUtil.getBcProviderJce().getServices());
        assertNull(Security.getProvider("BC"));
    }

    @Test
    void membersWithCertificatesOfOneAuthorityAnswerEachOther() throws Exception {
        assertInstanceOf(PeerAnswer.Answered.class, asked(door(n1), n2));
        assertEquals(List.of(), refusals);
    }

    @Test
    void aForeignCertificateIsRefusedOnBothSides() throws Exception {
        // The alert may get lost when the connection is cut behind it.
        refused(door(n1), foreign, "it refused this side's certificate", "reset", "closed");
        assertTrue(
                refusals.getFirst()
                        .contains("CN=foreign was issued by CN=strangers, which is none of the authorities in "),
                refusals::toString);
        refused(door(foreign), n1, "CN=foreign (shown by 127.0.0.1) was issued by CN=strangers");
    }

    @Test
    void anExpiredCertificateIsRefusedOnBothSides() throws Exception {
        refused(door(n1), expired, "it refused this side's certificate", "reset", "closed");
        assertTrue(refusals.getFirst().contains("CN=late expired at "), refusals::toString);
        refused(door(expired), n1, "CN=late (shown by 127.0.0.1) expired at ");
    }

    @Test
    void aCertificateForAnotherHostIsRefused() throws Exception {
        refused(door(elsewhere), n1, "is made for 10.0.0.9, not for 127.0.0.1");
    }

    @Test
    void plainTextAndTlsDoNotMeet() throws Exception {
        refused(door((TlsFiles) null), n1, "it speaks no TLS");
        assertInstanceOf(PeerAnswer.Unreachable.class, asked(door(n1), (TlsFiles) null));
    }

    @Test
    void aRenewedCertificateNeedsNoNewDoor() throws Exception {
        LiveTls live = new LiveTls(elsewhere, refusals::add);
        HostPort address = door(opened(new RpcTransport(Optional.of(live))));
        Peers here = opened(new Peers(transport(n2), "demo", "n2"));
        assertInstanceOf(PeerAnswer.Unreachable.class, asked(address, here));
        assertTrue(live.reload(n1));
        assertInstanceOf(PeerAnswer.Answered.class, asked(address, here));
        assertTrue(live.reload(elsewhere));
        // The connection that is there goes on.
        assertInstanceOf(PeerAnswer.Answered.class, asked(address, here));
    }
}
