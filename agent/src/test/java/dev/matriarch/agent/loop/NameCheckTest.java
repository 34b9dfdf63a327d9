package dev.matriarch.agent.loop;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.agent.rpc.Peers.NameHolder;
import dev.matriarch.dcs.Member;
import java.time.Duration;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** No two living agents under one name; an earlier life of this one is no obstacle. */
class NameCheckTest {
    private static final Duration TTL = Duration.ofSeconds(5);
    private static final MemberRecord.Addresses MINE = addresses("10.0.0.1");

    private NameHolder answer = NameHolder.NOBODY;
    private int asked;
    private final NameCheck check = new NameCheck("n1", record -> {
        asked++;
        return answer;
    });

    private static MemberRecord.Addresses addresses(String host) {
        return new MemberRecord.Addresses(
                "postgres://" + host + ":5432/postgres",
                "http://" + host + ":8008/patroni",
                host + ":8009",
                Optional.empty());
    }

    private static Optional<Member> record(String connUrl, String apiUrl, String rpc) {
        return Optional.of(Member.named("n1")
                .connUrl(connUrl)
                .apiUrl(apiUrl)
                .rpcAddress(rpc)
                .version("1")
                .build());
    }

    private static Optional<Member> recordAt(String host) {
        MemberRecord.Addresses there = addresses(host);
        return record(there.connUrl(), there.apiUrl(), there.rpc());
    }

    private NameCheck.Verdict verdict(Optional<Member> stored, long seconds) {
        return check.of(stored, MINE, TTL, Duration.ofSeconds(seconds).toNanos());
    }

    @Test
    void withoutARecordOrWithMyOwnNobodyIsAsked() {
        answer = NameHolder.ANOTHER_AGENT;
        assertEquals(new NameCheck.Verdict.Free(), verdict(Optional.empty(), 0));
        assertEquals(new NameCheck.Verdict.Free(), verdict(recordAt("10.0.0.1"), 0));
        assertEquals(0, asked);
    }

    @Test
    void anotherAgentThatAnswersHasTheName() {
        answer = NameHolder.ANOTHER_AGENT;
        var taken = assertInstanceOf(NameCheck.Verdict.Taken.class, verdict(recordAt("10.0.0.9"), 0));
        assertTrue(
                taken.why()
                        .startsWith(
                                "Can't start; there is already a node named 'n1' running: the agent at 10.0.0.9:8009"),
                taken.why());
        assertTrue(taken.why().endsWith("give this one another name"), taken.why());
    }

    @Test
    void myOwnDoorUnderAnotherAddressIsMine() {
        answer = NameHolder.THIS_AGENT;
        assertEquals(new NameCheck.Verdict.Free(), verdict(recordAt("n1.example"), 0));
    }

    @Test
    void movedDoorsAreAnEarlierLifeOfTheSamePostgres() {
        assertEquals(
                new NameCheck.Verdict.Free(),
                verdict(record(MINE.connUrl(), "http://10.0.0.1:9008/patroni", "10.0.0.1:9009"), 0));
        // Patroni, which ran here before, has no gRPC door.
        assertEquals(new NameCheck.Verdict.Free(), verdict(record("postgres://10.0.0.1:6432/x", MINE.apiUrl(), ""), 0));
    }

    @Test
    void replacedHostStartsWhenTheRecordOfTheOldOneHasEnded() {
        assertInstanceOf(NameCheck.Verdict.Wait.class, verdict(recordAt("10.0.0.9"), 0));
        assertInstanceOf(NameCheck.Verdict.Wait.class, verdict(recordAt("10.0.0.9"), 10));
        assertEquals(new NameCheck.Verdict.Free(), verdict(Optional.empty(), 11));
    }

    @Test
    void whoCannotBeReachedButRenewsItsRecordHasTheName() {
        verdict(recordAt("10.0.0.9"), 0);
        assertInstanceOf(NameCheck.Verdict.Wait.class, verdict(recordAt("10.0.0.9"), 14));
        var taken = assertInstanceOf(NameCheck.Verdict.Taken.class, verdict(recordAt("10.0.0.9"), 15));
        assertTrue(taken.why().contains("still being renewed"), taken.why());
    }

    @Test
    void agentThatWasAwayGivesWayToTheOneThatTookItsName() {
        verdict(recordAt("10.0.0.1"), 0);
        answer = NameHolder.ANOTHER_AGENT;
        var taken = assertInstanceOf(NameCheck.Verdict.Taken.class, verdict(recordAt("10.0.0.9"), 60));
        assertTrue(taken.why().startsWith("Can't go on; "), taken.why());
    }
}
