package dev.matriarch.agent.loop;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import dev.matriarch.agent.ha.Decision;
import dev.matriarch.agent.ha.Settings.Synchronous.Mode;
import dev.matriarch.agent.ha.Task;
import dev.matriarch.agent.ha.Upstream;
import dev.matriarch.dcs.Member;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

class NarrationTest {
    private static final Duration LOOP_WAIT = Duration.ofSeconds(10);
    private static final Decision REST = Decision.idle("no action. I am (n1), the leader with the lock");

    private final Logger log = (Logger) LoggerFactory.getLogger(Narration.class);
    private final Level before = log.getLevel();
    private final ListAppender<ILoggingEvent> lines = new ListAppender<>();
    private boolean deduplicate = true;
    private final Narration narration = new Narration("n1", () -> deduplicate);

    @BeforeEach
    void listen() {
        log.setLevel(Level.INFO);
        lines.start();
        log.addAppender(lines);
    }

    @AfterEach
    void leave() {
        log.detachAppender(lines);
        log.setLevel(before);
    }

    @Test
    void heartbeatsThatSayTheSameAreSaidOnce() {
        for (int second = 0; second < 60; second++) {
            say(REST, "n1", second);
        }
        assertEquals(List.of(REST.because()), said());
    }

    @Test
    void ifWantedTheyAreSaidOnceInEachLoopWait() {
        deduplicate = false;
        for (int second = 0; second < 60; second++) {
            say(REST, "n1", second);
        }
        assertEquals(6, said().size());
    }

    @Test
    void theLockOwnerIsSaidAroundWhatIsNotQuiet() {
        say(REST, "n2", 0);
        say(Decision.idle("waiting for leader to bootstrap"), "None", 1);
        say(Decision.idle("waiting for the next leader"), "None", 2);
        say(Decision.idle("following"), "n2", 3);
        say(REST, "n2", 4);
        say(Decision.idle("following"), "n2", 5);
        assertEquals(
                List.of(
                        REST.because(),
                        "Lock owner: None; I am n1",
                        "waiting for leader to bootstrap",
                        "waiting for the next leader",
                        "Lock owner: n2; I am n1",
                        "following",
                        REST.because(),
                        "Lock owner: n2; I am n1",
                        "following"),
                said());
    }

    @Test
    void actionsAreSaidEachTimeAndStopsAreWarnings() {
        say(new Decision.RenewLease(1, "taking up the lock that I hold"), "n1", 0);
        say(new Decision.RenewLease(1, "heartbeat"), "n1", 1);
        say(new Decision.RenewLease(1, "taking up the lock that I hold"), "n1", 2);
        say(new Decision.Exit(1, "cannot go on"), "n1", 3);
        assertEquals(
                List.of(
                        "Lock owner: n1; I am n1",
                        "taking up the lock that I hold",
                        "taking up the lock that I hold",
                        "cannot go on"),
                said());
        assertEquals(Level.WARN, lines.list.getLast().getLevel());
    }

    @Test
    void aComparisonThatIsTriedAgainAndAgainIsNotSaidEachTime() {
        Decision check = new Decision.CheckDivergence(new Upstream.Of("n2", "10.0.0.2", 5432), 5, "left behind?");
        for (int second = 0; second < 60; second += 3) {
            say(check, "n2", second);
            say(Decision.idle(Task.Kind.CHECK_DIVERGENCE.words()), "n2", second + 1);
            say(REST, "n2", second + 2);
        }
        assertEquals(List.of(REST.because()), said());
    }

    @Test
    void aPatroniThatDoesNotKnowQuorumCommitIsWarnedOfOnce() {
        List<Member> members = List.of(
                Member.named("n1").version("0.1.0").rpcAddress("10.0.0.1:8009").build(),
                Member.named("n2").version("4.0.4").rpcAddress("").build(),
                Member.named("n3").version("3.0.2").rpcAddress("").build());
        narration.votes(Mode.ON, members);
        assertEquals(List.of(), said());
        narration.votes(Mode.QUORUM, members);
        narration.votes(Mode.QUORUM, members);
        assertEquals(1, said().size());
        assertTrue(said().getFirst().contains("off for n3 (Patroni 3.0.2): it may be"), said().getFirst());
        narration.votes(Mode.QUORUM, members.subList(0, 2));
        narration.votes(Mode.QUORUM, members);
        assertEquals(2, said().size(), "it came back");
    }

    private void say(Decision decision, String owner, int second) {
        narration.say(decision, owner, second * 1_000_000_000L, LOOP_WAIT);
    }

    private List<String> said() {
        return lines.list.stream().map(ILoggingEvent::getFormattedMessage).toList();
    }
}
