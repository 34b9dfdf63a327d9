package dev.matriarch.agent.ha;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;

import dev.matriarch.dcs.TimelineClaim;
import java.time.Duration;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** A promotion that nobody heard of and the next one took the same timeline number: found by the simulator. */
class NewTimelineTest {
    /** n2, a replica on timeline 1, holds the lock under epoch 6. */
    private static Scene elected() {
        return Scene.of("n2").postgres(Servers.replica(100)).ledBy("n2").holdingEpoch(6);
    }

    private static <D extends Decision> D expect(Class<D> kind, Scene scene) {
        Decision decision = scene.decide();
        return assertInstanceOf(kind, decision, decision::toString);
    }

    private static TimelineClaim claimed(Scene scene) {
        return expect(Decision.ClaimTimeline.class, scene).claim();
    }

    @Test
    void numberIsClaimedBeforeThePromotion() {
        assertEquals(new TimelineClaim(2, 6), claimed(elected().claim(1, 3)));
        assertEquals(2, expect(Decision.Promote.class, elected().claim(2, 6)).timeline());
    }

    /** Whether that promotion came to pass cannot be known. */
    @Test
    void numberThatAnEarlierLeaderClaimedIsLeftOut() {
        assertEquals(new TimelineClaim(3, 6), claimed(elected().claim(2, 5)));
        assertEquals(3, expect(Decision.Promote.class, elected().claim(3, 6)).timeline());
    }

    @Test
    void numberOfATimelineInTheHistoryIsLeftOut() {
        assertEquals(new TimelineClaim(5, 6), claimed(elected().claim(2, 5).history(4)));
    }

    /** An own claim that this server has reached already is no claim to another timeline. */
    @Test
    void eachPromotionHasItsOwnClaim() {
        assertEquals(new TimelineClaim(2, 6), claimed(elected().claim(1, 6)));
    }

    @Test
    void leaderHandsTheClaimOn() {
        var view = Optional.of(Scene.leader().claim(7, 3).view());
        var claim = Optional.of(new TimelineClaim(7, 3));
        assertEquals(claim, NewTimeline.handedOn(view, 7));
        assertEquals(claim, NewTimeline.handedOn(view, 0));
    }

    /** Promoted by hand, or by an agent of an earlier version. */
    @Test
    void leaderClaimsTheTimelineThatItIsOn() {
        var view = Optional.of(Scene.leader().claim(7, 3).view());
        assertEquals(Optional.of(new TimelineClaim(8, 5)), NewTimeline.handedOn(view, 8));
        assertEquals(Optional.empty(), NewTimeline.handedOn(Optional.empty(), 1));
    }

    @Test
    void claimKeepsTheRestOfTheKey() {
        var view = Scene.leader().view();
        var status = NewTimeline.claiming(view, new TimelineClaim(4, 9));
        assertEquals(view.status().optime(), status.optime());
        assertEquals(Optional.of(new TimelineClaim(4, 9)), status.claim());
    }

    @Test
    void leaderThatRenewsInTimeIsNotHeldUp() {
        expect(Decision.Wait.class, Scene.leader().holding(Duration.ofSeconds(4), true));
    }
}
