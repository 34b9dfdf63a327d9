package dev.matriarch.raft;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.dcs.Expected;
import dev.matriarch.proto.control.v1.CertificateRow;
import dev.matriarch.proto.control.v1.ChangeCertificateReply;
import dev.matriarch.proto.control.v1.ChangeCertificateRequest;
import dev.matriarch.tls.Authority;
import dev.matriarch.tls.LiveTls;
import dev.matriarch.tls.TlsFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.Security;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import org.apache.ratis.thirdparty.io.netty.handler.ssl.util.BouncyCastleUtil;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Peers that show each other certificates, and those that have none or another cluster's. */
@Tag("slow")
@Timeout(120)
class PeerTlsTest {
    private static final Duration LONG = Duration.ofSeconds(30);

    @TempDir
    Path dir;

    private final List<String> refusals = new CopyOnWriteArrayList<>();
    private Authority ca;

    @BeforeEach
    void authority() throws Exception {
        ca = new Authority(dir, "ca");
    }

    private LiveTls live(TlsFiles files) throws IOException {
        return new LiveTls(files, refusals::add);
    }

    private static RaftStore start(Peers peers, int i, Optional<LiveTls> tls) throws StoreStartException {
        RaftStore store = RaftStore.open(
                Peers.settings("test", "n" + (i + 1), peers.dataDir(i), peers.addresses.get(i), peers.addresses, tls),
                peers.progress::add);
        peers.stores.set(i, store);
        return store;
    }

    @Test
    void peersOfOneAuthorityWorkTogetherAndCertificatesAreRenewedUnderThem() throws Exception {
        try (Peers peers = new Peers(dir, 3)) {
            List<LiveTls> certificates = new ArrayList<>();
            for (int i = 0; i < 3; i++) {
                certificates.add(live(ca.issue("n" + (i + 1))));
                start(peers, i, Optional.of(certificates.get(i)));
            }
            peers.awaitReady();
            peers.dcs(0).writeInitialize("1", Expected.absent(), Peers.TIMEOUT);
            assertTrue(peers.stores.get(1).group().report().optimal());
            aWitnessShowsAndChangesItsCertificateHere(peers);
            var before = certificates.get(0).certificate();
            for (int i = 0; i < 3; i++) {
                assertTrue(certificates.get(i).reload(ca.issue("n" + (i + 1))));
            }
            assertNotEquals(before, certificates.get(0).certificate());
            // Connections are made anew, with the new certificates on both sides.
            int leader = peers.raftLeader();
            peers.crash(leader);
            peers.dcs((leader + 1) % 3).writeInitialize("2", Expected.anything(), Duration.ofSeconds(15));
            start(peers, leader, Optional.of(certificates.get(leader)));
            peers.awaitReady();
            assertEquals(
                    "2",
                    peers.dcs(leader)
                            .read(Peers.TIMEOUT)
                            .initialize()
                            .orElseThrow()
                            .value());
            assertEquals(List.of(), refusals);
            // Nothing that had to be unpacked and executed: a container's /tmp lets nobody.
            assertFalse(Files.readString(Path.of("/proc/self/maps")).contains("tcnative"));
            // Nor Bouncy Castle's provider, which nobody asks.
            assertEquals(Set.of(), BouncyCastleUtil.getBcProviderJce().getServices());
            assertNull(Security.getProvider("BC"));
        }
    }

    /** On the store's own port. */
    private static void aWitnessShowsAndChangesItsCertificateHere(Peers peers) throws Exception {
        PeerCertificates asking = peers.stores.get(0).certificates();
        String witness = peers.addresses.get(1);
        assertThrows(IOException.class, () -> asking.of(witness));
        List<ChangeCertificateRequest> changes = new CopyOnWriteArrayList<>();
        peers.stores.get(1).certificates().answerWith(new PeerCertificates.Own() {
            @Override
            public CertificateRow row() {
                return CertificateRow.newBuilder().setName("n2").build();
            }

            @Override
            public ChangeCertificateReply change(ChangeCertificateRequest request) {
                changes.add(request);
                return ChangeCertificateReply.newBuilder().setDone(true).build();
            }
        });
        assertEquals("n2", asking.of(witness).getName());
        assertTrue(asking.change(witness, ChangeCertificateRequest.newBuilder().setSignWith("1e"))
                .getDone());
        assertEquals("1e", changes.getFirst().getSignWith());
    }

    @Test
    void whoShowsNoneOrAnotherClustersIsNotLetIn() throws Exception {
        try (Peers peers = new Peers(dir, 3)) {
            TlsFiles strange = new Authority(dir, "strangers").issue("foreign");
            start(peers, 0, Optional.of(live(ca.issue("n1"))));
            start(peers, 1, Optional.of(live(ca.issue("n2"))));
            // It takes the others for its own, and is not taken for one of them.
            start(
                    peers,
                    2,
                    Optional.of(live(new TlsFiles(ca.file(), strange.certificate(), strange.key(), Optional.empty()))));
            Peers.awaitTrue(
                    LONG,
                    "refusal",
                    () -> refusals.stream()
                            .anyMatch(s -> s.contains("foreign") && s.contains("none of the authorities")));
            assertFalse(peers.stores.get(0).awaitReady(Duration.ofSeconds(1)));
            peers.crash(2);
            start(peers, 2, Optional.empty());
            assertFalse(peers.stores.get(0).awaitReady(Duration.ofSeconds(2)));
            assertTrue(
                    peers.dcs(2).health().contains("waiting for"), peers.dcs(2).health());
            peers.crash(2);
            start(peers, 2, Optional.of(live(ca.issue("n3"))));
            peers.awaitReady();
        }
    }

    @Test
    void aPeerAtAnAddressThatItsCertificateDoesNotNameIsNotSpokenTo() throws Exception {
        try (Peers peers = new Peers(dir, 2)) {
            start(peers, 0, Optional.of(live(ca.issue("n1"))));
            start(peers, 1, Optional.of(live(ca.issue("elsewhere", "IP:10.0.0.9", "-days 5"))));
            Peers.awaitTrue(LONG, "refusal", () -> refusals.stream().anyMatch(s -> s.contains("is made for")));
            assertFalse(peers.stores.get(0).awaitReady(Duration.ofSeconds(1)));
        }
    }
}
