package dev.matriarch.agent.join;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.dcs.Member;
import dev.matriarch.proto.store.v1.Invitation;
import dev.matriarch.proto.store.v1.TokenNote;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** What a token says, when it counts, and whom it lets in. */
class JoinRulesTest {
    private static final Instant NOW = Instant.parse("2026-11-22T04:00:00Z");
    private static final JoinToken TOKEN = new JoinToken(
            "1f2e3d4c",
            JoinToken.newSecret(),
            "ab".repeat(32),
            List.of("10.0.0.1:8009", "[fd00::2]:8009"),
            NOW.plusSeconds(1800),
            "main");

    private static String refused(String text) {
        return assertThrows(IOException.class, () -> JoinToken.parse(text)).getMessage();
    }

    @Test
    void aTokenIsOneWordThatSaysWhatItSaid() throws Exception {
        String text = TOKEN.text();
        assertTrue(text.matches("mtj1_[A-Za-z0-9_-]{100,260}"), text);
        assertEquals(TOKEN, JoinToken.parse(text));
        // As a terminal breaks it.
        assertEquals(TOKEN, JoinToken.parse(" " + text.substring(0, 70) + "\n  " + text.substring(70) + "\n"));
        assertFalse(TOKEN.toString().contains(text.substring(20, 60)), TOKEN::toString);
        assertFalse(JoinToken.hash(TOKEN.secret()).equals(TOKEN.secret()));
    }

    @Test
    void aMistypedTokenIsNotShownToAnybody() {
        String text = TOKEN.text();
        for (int i = 5; i < text.length(); i += 7) {
            char other = text.charAt(i) == 'A' ? 'B' : 'A';
            String wrong = text.substring(0, i) + other + text.substring(i + 1);
            assertTrue(refused(wrong).contains("the token is damaged"), wrong);
        }
        assertTrue(refused(text.substring(0, text.length() - 9)).contains("the token is damaged"));
        assertTrue(refused("mtj1_").contains("the token is damaged"));
        assertTrue(refused("K10abc::server:123").contains("that is no token: one begins with mtj1_"));
        assertTrue(refused("mtj2_abc").contains("install the version that the cluster runs"));
    }

    private static TokenNote.Builder note() {
        return TokenNote.newBuilder()
                .setSecretHash(JoinToken.hash(TOKEN.secret()))
                .setExpiresMillis(TOKEN.expires().toEpochMilli());
    }

    @Test
    void aTokenCountsOnceUntilItEndsOrIsTakenBack() {
        assertTrue(TokenJudge.isSecret(note().build(), TOKEN.secret()));
        assertFalse(TokenJudge.isSecret(note().build(), JoinToken.newSecret()));
        assertEquals(Optional.empty(), TokenJudge.objection(note().build(), NOW));
        assertEquals("open", TokenJudge.state(note().build(), NOW));
        // A minute longer than it says: clocks differ.
        Instant end = TOKEN.expires();
        assertEquals(Optional.empty(), TokenJudge.objection(note().build(), end.plusSeconds(60)));
        String late = TokenJudge.objection(note().build(), end.plusSeconds(61)).orElseThrow();
        assertTrue(late.startsWith("the token expired at 2026-11-22T04:30:00Z"), late);
        assertEquals("expired", TokenJudge.state(note().build(), end.plusSeconds(61)));
        TokenNote used = note().setUsedBy("n2")
                .setUsedAddress("10.0.0.2")
                .setUsedMillis(NOW.toEpochMilli())
                .build();
        assertTrue(TokenJudge.objection(used, NOW)
                .orElseThrow()
                .startsWith("the token was used already, by n2 at 10.0.0.2 at 2026-11-22T04:00:00Z"));
        assertEquals("used", TokenJudge.state(used, NOW));
        TokenNote revoked = note().setRevokedMillis(NOW.toEpochMilli()).build();
        assertTrue(TokenJudge.objection(revoked, NOW).orElseThrow().startsWith("the token was revoked at"));
        assertEquals("revoked", TokenJudge.state(revoked, NOW));
    }

    @Test
    void whoGuessesWaitsAMinuteAndKeepsNobodyElseOut() {
        Guesses guesses = new Guesses();
        long second = Duration.ofSeconds(1).toNanos();
        // A monotonic clock may begin anywhere.
        long begin = Long.MAX_VALUE - 5 * second;
        for (int i = 0; i < Guesses.OF_ONE_HOST; i++) {
            assertEquals(Optional.empty(), guesses.refusal("a", begin + i * second));
            guesses.wrong("a", begin + i * second);
        }
        assertTrue(guesses.refusal("a", begin + 59 * second).isPresent());
        assertEquals(Optional.empty(), guesses.refusal("b", begin + 59 * second));
        assertEquals(Optional.empty(), guesses.refusal("a", begin + 60 * second));
        for (int i = 0; i < Guesses.OF_ALL; i++) {
            guesses.wrong("host" + i, begin + 100 * second);
        }
        assertTrue(guesses.refusal("b", begin + 101 * second).isPresent());
        assertEquals(Optional.empty(), guesses.refusal("b", begin + 160 * second));
    }

    private static Member member(String name, String address) {
        return Member.named(name)
                .connUrl("postgres://" + address + ":5432/postgres")
                .apiUrl("http://" + address + ":8008/patroni")
                .rpcAddress(address + ":8009")
                .build();
    }

    private static String objection(String name, String host) {
        return new Newcomer(name, host)
                .objection(
                        List.of(member("n1", "10.0.0.1"), member("n6", "[fd00::6]")),
                        List.of(
                                new JoinStore.Peer("n1", "10.0.0.1:7000", true),
                                new JoinStore.Peer("gone", "10.0.0.9:7000", true)),
                        List.of(Invitation.newBuilder()
                                .setName("n4")
                                .setAddress("10.0.0.4:7000")
                                .setUntilMillis(NOW.toEpochMilli())
                                .build()),
                        NOW)
                .orElse("");
    }

    @Test
    void namesAndAddressesOfOthersAreRefused() {
        assertEquals("", objection("n2", "10.0.0.2"));
        assertEquals("", objection("n2", "db-2.example.org"));
        assertEquals("", objection("n2", "fd00::2"));
        assertTrue(objection("n1", "10.0.0.2").startsWith("there is a member n1 already, at 10.0.0.1"));
        assertTrue(objection("n2", "10.0.0.1").startsWith("the address 10.0.0.1 is that of member n1"));
        assertTrue(objection("n2", "FD00:0::6").startsWith("the address FD00:0::6 is that of member n6"));
        assertTrue(objection("gone", "10.0.0.2").startsWith("a peer named gone is in the store already, at 10.0.0.9"));
        assertTrue(objection("n2", "10.0.0.9").contains("matriarchctl raft remove-peer 10.0.0.9:7000"));
        // Its answer was lost; another token lets it begin again.
        assertEquals("", objection("n4", "10.0.0.4"));
        assertTrue(objection("n4", "10.0.0.5").startsWith("a token was used for n4 at 10.0.0.4"));
        assertTrue(objection("n5", "10.0.0.4").contains("give another address"));
        for (String name : List.of("", "-x", "a b", "ü", "x".repeat(64), "a/b", "a\nb")) {
            assertTrue(objection(name, "10.0.0.2").contains("is no name for a member"), name);
        }
        for (String host : List.of("", "a b", "10.0.0.2:8009", "host\n", "a,b", "-x", "x/../y")) {
            assertTrue(objection("n2", host).contains("is neither an address nor the name of a host"), host);
        }
    }

    @Test
    void clocksMayDifferByFiveMinutes() {
        assertEquals(Optional.empty(), Newcomer.clocksApart("n1", NOW, "this host", NOW.plusSeconds(300)));
        assertEquals(Optional.empty(), Newcomer.clocksApart("n1", NOW, "this host", NOW.minusSeconds(300)));
        assertTrue(Newcomer.clocksApart("n1", NOW, "this host", NOW.plusSeconds(3661 + 60))
                .orElseThrow()
                .startsWith("the clock of this host is 1 h 2 min ahead of that of n1"));
        assertTrue(Newcomer.clocksApart("n1", NOW, "this host", NOW.minusSeconds(86_400 * 3))
                .orElseThrow()
                .startsWith("the clock of this host is 3 d behind that of n1"));
    }
}
