package dev.matriarch.raft;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.ByteString;
import dev.matriarch.proto.store.v1.Invitation;
import dev.matriarch.proto.store.v1.PeerIdentity;
import dev.matriarch.proto.store.v1.TokenNote;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Peers that come in because a token was used for them. */
@Timeout(120)
class InvitationsTest {
    private static final Duration LONG = Duration.ofSeconds(40);

    @TempDir
    Path dir;

    private static TokenNote token(Instant end) {
        return TokenNote.newBuilder()
                .setSecretHash(ByteString.copyFromUtf8("hash"))
                .setExpiresMillis(end.toEpochMilli())
                .build();
    }

    private static void waits(Peers peers, int i, String... name) throws Exception {
        String own = name.length > 0 ? name[0] : "n" + (i + 1);
        peers.stores.set(
                i,
                RaftStore.open(
                        Peers.settings(
                                "test", own, peers.dataDir(i), peers.addresses.get(i), List.of(peers.addresses.get(0))),
                        peers.progress::add));
    }

    private static void invite(Peers peers, String id, String name, String address, Instant until) throws Exception {
        Invitations book = peers.stores.get(0).invitations();
        assertTrue(book.add(id, token(Instant.now().plusSeconds(60))));
        Invitations.Token token = book.tokens().stream()
                .filter(t -> t.id().equals(id))
                .findFirst()
                .orElseThrow();
        assertTrue(book.redeem(
                token,
                token.note().toBuilder().setUsedBy(name).build(),
                Invitation.newBuilder()
                        .setName(name)
                        .setAddress(address)
                        .setUntilMillis(until.toEpochMilli())
                        .build()));
    }

    @Test
    void anInvitedPeerComesInByItselfAndOnlyOnce() throws Exception {
        try (Peers peers = new Peers(dir, 3)) {
            waits(peers, 0);
            assertTrue(peers.stores.get(0).awaitReady(LONG));
            Invitations book = peers.stores.get(0).invitations();
            Instant day = Instant.now().plusSeconds(86_400);
            invite(peers, "a", "n2", peers.addresses.get(1), day);
            assertEquals(1, book.open().size());
            waits(peers, 1);
            assertTrue(peers.stores.get(1).awaitReady(LONG), () -> peers.dcs(1).health());
            Peers.awaitTrue(
                    LONG, "invitation that was followed", () -> book.open().isEmpty());
            assertEquals(2, peers.stores.get(0).status().peers().size());

            // Removed, it waits as any other new peer does: nobody has invited that one.
            Peers.awaitTrue(
                    LONG,
                    "peer that is removed",
                    () -> peers.stores.get(0).group().remove("n2", true).done());
            Peers.awaitTrue(
                    LONG,
                    "peer that waits",
                    () -> peers.dcs(1).health().contains("matriarchctl raft add-peer " + peers.addresses.get(1)));

            // Under another name than the one that the token was used for.
            invite(peers, "b", "n3", peers.addresses.get(2), day);
            waits(peers, 2, "stranger");
            Peers.awaitTrue(
                    LONG,
                    "peer of another name that waits",
                    () -> peers.dcs(2)
                            .health()
                            .contains("a token was used for n3 at that address, not for stranger; take it in with"));
            assertEquals(1, peers.stores.get(0).status().peers().size());
        }
    }

    @Test
    void anInvitedListenerComesInWithoutAVote() throws Exception {
        try (Peers peers = new Peers(dir, 2)) {
            waits(peers, 0);
            assertTrue(peers.stores.get(0).awaitReady(LONG));
            invite(peers, "a", "n2", peers.addresses.get(1), Instant.now().plusSeconds(86_400));
            peers.stores.set(
                    1,
                    RaftStore.open(
                            Peers.settings(
                                            "test",
                                            "n2",
                                            peers.dataDir(1),
                                            peers.addresses.get(1),
                                            List.of(peers.addresses.get(0)))
                                    .listening(),
                            peers.progress::add));
            assertTrue(peers.stores.get(1).awaitReady(LONG), () -> peers.dcs(1).health());
            RaftStatus status = peers.stores.get(0).status();
            assertEquals(1, status.peers().size());
            assertEquals(1, status.listeners().size());
        }
    }

    @Test
    void anInvitationEnds() throws Exception {
        try (Peers peers = new Peers(dir, 2)) {
            waits(peers, 0);
            assertTrue(peers.stores.get(0).awaitReady(LONG));
            Instant past = Instant.now().minusSeconds(1);
            invite(peers, "a", "n2", peers.addresses.get(1), past);
            waits(peers, 1);
            Peers.awaitTrue(
                    LONG,
                    "peer that waits",
                    () -> peers.dcs(1).health().contains("the token that was used for it let it in until"));
            Invitations book = peers.stores.get(0).invitations();
            book.forgetThoseBefore(Instant.now());
            assertEquals(List.of(), book.open());
            assertEquals(1, book.tokens().size());
        }
    }

    @Test
    void ofTwoWhoUseATokenOneIsRefused() throws Exception {
        try (Peers peers = new Peers(dir, 1)) {
            waits(peers, 0);
            assertTrue(peers.stores.get(0).awaitReady(LONG));
            Invitations book = peers.stores.get(0).invitations();
            assertFalse(book.anyEndsAfter(Instant.now()));
            assertTrue(book.add("a", token(Instant.now().plusSeconds(60))));
            assertFalse(book.add("a", token(Instant.now())));
            assertTrue(book.anyEndsAfter(Instant.now()));
            Invitations.Token seen = book.latestTokens().getFirst();
            TokenNote used = seen.note().toBuilder().setUsedBy("n2").build();
            Invitation n2 = Invitation.newBuilder()
                    .setName("n2")
                    .setAddress("h:1")
                    .setUntilMillis(Instant.now().plusSeconds(60).toEpochMilli())
                    .build();
            Invitation n3 =
                    Invitation.newBuilder().setName("n3").setAddress("h:2").build();
            assertTrue(book.redeem(seen, used, n2));
            assertFalse(book.redeem(seen, used, n3));
            assertFalse(book.change(seen, used));
            assertEquals(List.of(n2), book.open());

            // Whoever follows first is the one that was meant, also if the store was told of nothing since.
            PeerIdentity first = PeerIdentity.newBuilder()
                    .setPeerId("n2-first")
                    .setName("n2")
                    .setAddress("h:1")
                    .build();
            PeerIdentity second = first.toBuilder().setPeerId("n2-second").build();
            assertEquals(Optional.empty(), book.take(first, Instant.now()));
            assertEquals(
                    Optional.of("; the token that was used for it has let n2-first in"),
                    book.take(second, Instant.now()));
            assertEquals(Optional.empty(), book.take(first, Instant.now().plusSeconds(90)));
            book.forgetThoseBefore(Instant.now().plusSeconds(61));
            assertEquals(List.of(), book.tokens());
            assertFalse(book.anyEndsAfter(Instant.EPOCH));
        }
    }
}
