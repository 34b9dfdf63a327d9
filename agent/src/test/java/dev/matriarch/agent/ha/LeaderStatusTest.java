package dev.matriarch.agent.ha;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.matriarch.dcs.ClusterStatus;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Lsn;
import dev.matriarch.dcs.TimelineClaim;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** What the leader publishes with each renewal. */
class LeaderStatusTest {
    @Test
    void positionAndSlotsOfThePrimaryArePublished() {
        ClusterStatus status = LeaderStatus.of(Scene.leader().observation()).orElseThrow();
        assertEquals(
                new ClusterStatus(
                        new Lsn(100),
                        Map.of("n2", new Lsn(1), "n3", new Lsn(1)),
                        List.of("n1", "n2", "n3"),
                        Optional.of(new TimelineClaim(2, 5))),
                status);
    }

    @Test
    void slotsThatAreKeptForMembersWhoAreAwayAreNamed() {
        // Memories says that n3 was here within member_slots_ttl.
        Observation seen = Scene.leader().without("n3").observation();
        assertEquals(
                List.of("n1", "n2", "n3"), LeaderStatus.of(seen).orElseThrow().retainSlots());
        assertEquals(
                List.of(),
                LeaderStatus.of(Scene.leader().without("n3").withoutSlots().observation())
                        .orElseThrow()
                        .retainSlots());
    }

    @Test
    void standbyPublishesNothing() {
        assertEquals(Optional.empty(), LeaderStatus.of(Scene.replica().observation()));
    }

    @Test
    void slotsStayPublishedWhenTheLockIsGivenBack() {
        ClusterStatus published = new ClusterStatus(new Lsn(100), Map.of("n2", new Lsn(90)), List.of("n3"))
                .withClaim(Optional.of(new TimelineClaim(4, 7)));
        var view = Scene.leader().view();
        var shown = new ClusterView(
                view.revision(),
                view.initialize(),
                view.config(),
                view.leader(),
                view.members(),
                published,
                view.failover(),
                view.history(),
                view.sync(),
                view.failsafe());
        assertEquals(
                new ClusterStatus(new Lsn(128), published.slots(), published.retainSlots(), published.claim()),
                LeaderStatus.last(new Lsn(128), Optional.of(shown)));
        assertEquals(
                new ClusterStatus(new Lsn(128), Map.of(), List.of()),
                LeaderStatus.last(new Lsn(128), Optional.empty()));
    }
}
