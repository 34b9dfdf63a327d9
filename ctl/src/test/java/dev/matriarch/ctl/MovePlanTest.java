package dev.matriarch.ctl;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.ctl.MovePlan.Step;
import dev.matriarch.proto.control.v1.MemberAddress;
import dev.matriarch.proto.control.v1.Place;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;

/** The next step of a move, from wherever it stands: each crash between two steps is one of these. */
class MovePlanTest {
    private static final String SYSTEM = "7400000000000000001";
    private static final List<String> NAMES = List.of("n1", "n2", "n3");

    /** n1 leads by this store; all is well. */
    private static Place.Builder in(String store, String name) {
        Place.Builder place = Place.newBuilder()
                .setScope("demo")
                .setName(name)
                .setVersion("1")
                .setStore(store)
                .setSystemIdentifier(SYSTEM)
                .setLeads(name.equals("n1"))
                .setPrimary(name.equals("n1"))
                .setSeen(true)
                .setLeader("n1")
                .setInitialize(SYSTEM)
                .setConfigThere(true)
                .setSyncThere(true)
                .setRaftSelf(name + ":7000");
        NAMES.forEach(n -> {
            place.addMembers(MemberAddress.newBuilder().setName(n).setRpcAddress(n + ":8009"));
            if (!n.equals(name)) {
                place.addRaftPartners(n + ":7000");
            }
        });
        return place;
    }

    private static Place.Builder closed(Place.Builder place, String to) {
        return place.setPaused(true)
                .setPausedThere(true)
                .setMayOpen(true)
                .setMovedTo(to)
                .setResume(true)
                .setLeads(false)
                .setLeader("")
                .setInitialize("0");
    }

    /** Begun anew, and the new store does not answer yet. */
    private static Place.Builder entered(String store, String from, String name) {
        return in(store, name)
                .setMovingFrom(from)
                .setPaused(true)
                .setResume(true)
                .setSeen(false)
                .setLeads(false)
                .setLeader("")
                .setInitialize("")
                .setConfigThere(false);
    }

    private static final class Cluster {
        private final List<MovePlan.Member> members = new ArrayList<>();
        private Set<String> dead = Set.of();
        private boolean resume = true;

        static Cluster of(UnaryOperator<Place.Builder> n1, UnaryOperator<Place.Builder> n2, String store) {
            Cluster cluster = new Cluster();
            cluster.add(n1.apply(in(store, "n1")));
            cluster.add(n2.apply(in(store, "n2")));
            cluster.add(in(store, "n3")
                    .setPaused(cluster.members.getFirst().place().orElseThrow().getPaused()));
            return cluster;
        }

        static Cluster of(Place.Builder... places) {
            Cluster cluster = new Cluster();
            List.of(places).forEach(cluster::add);
            return cluster;
        }

        private void add(Place.Builder place) {
            members.add(
                    new MovePlan.Member(place.getName(), place.getName() + ":8009", Optional.of(place.build()), ""));
        }

        Cluster silent(String name, String address) {
            members.removeIf(m -> m.name().equals(name));
            members.add(new MovePlan.Member(name, address, Optional.empty(), "refused"));
            return this;
        }

        Cluster dead(String name) {
            members.removeIf(m -> m.name().equals(name));
            dead = Set.of(name);
            return this;
        }

        Cluster pausedByOthers() {
            resume = false;
            return this;
        }

        Step to(String target) {
            return MovePlan.next(new MovePlan.Standing(target, members, dead, true, resume));
        }

        void refuses(String target, String... parts) {
            String all = String.join(
                    "\n", assertInstanceOf(Step.Refuse.class, to(target)).obstacles());
            for (String part : parts) {
                assertTrue(all.contains(part), all);
            }
        }

        void waits(String target, String part) {
            Step.Wait wait = assertInstanceOf(Step.Wait.class, to(target));
            assertTrue(wait.what().contains(part), wait.what());
        }
    }

    private static Cluster well(String store) {
        return Cluster.of(UnaryOperator.identity(), UnaryOperator.identity(), store);
    }

    @Test
    void aMoveBeginsWithAPauseThatEveryoneHasSeenAndAClosedStore() {
        assertEquals(new Step.Pause("n1"), well("etcd3").to("raft"));
        Cluster.of(p -> p.setPaused(true), p -> p, "etcd3").waits("raft", "n2 has not seen the pause");
        Cluster paused = Cluster.of(p -> p.setPaused(true), p -> p.setPaused(true), "etcd3");
        assertEquals(new Step.Close("n1", false), paused.to("raft"));
        Cluster fromRaft = Cluster.of(p -> p.setPaused(true), p -> p.setPaused(true), "raft");
        assertEquals(new Step.Close("n1", true), fromRaft.to("etcd3"));
    }

    @Test
    void everyObstacleIsSaidBeforeAnythingIsDone() {
        Cluster.of(
                        p -> p.setPendingSwitchover("a switchover to n2"),
                        p -> p.setVersion("2").addObstacles("raft is missing"),
                        "etcd3")
                .silent("n3", "n3:8009")
                .silent("n4", "")
                .refuses(
                        "raft",
                        "a switchover to n2 is pending",
                        "n2: runs version 2",
                        "n2: raft is missing",
                        "n3 (n3:8009) does not answer",
                        "n4 publishes no gRPC address: it is run by Patroni");
        Cluster.of(p -> p, p -> p.setSeen(false), "etcd3").refuses("raft", "n2: cannot read the store etcd3");
        Cluster.of(p -> p, p -> p.setSystemIdentifier("8"), "etcd3").refuses("raft", "n2: its data directory");
        Cluster.of(p -> p.setLeads(false), p -> p, "etcd3").refuses("raft", "nobody leads by the store etcd3");
    }

    @Test
    void aStoreThatWouldNeverFormIsNoTarget() {
        Cluster.of(p -> p, p -> p.addRaftPartners("w:7000"), "etcd3").refuses("raft", "do not name the same peers");
        UnaryOperator<Place.Builder> witness = p -> p.addRaftPartners("w:7000");
        Cluster alone = Cluster.of(
                witness.apply(in("etcd3", "n1")), witness.apply(in("etcd3", "n2")), witness.apply(in("etcd3", "n3")));
        alone.refuses("raft", "nobody listens at w:7000");
        Cluster with = Cluster.of(
                witness.apply(in("etcd3", "n1")).addRaftAnswering("w:7000"),
                witness.apply(in("etcd3", "n2")),
                witness.apply(in("etcd3", "n3")));
        assertEquals(new Step.Pause("n1"), with.to("raft"));
        Cluster.of(in("etcd3", "n1"), in("etcd3", "n2").setRaftSelf("n1:7000"), in("etcd3", "n3"))
                .refuses("raft", "have the same raft.self_addr");
    }

    @Test
    void whenTheOldStoreIsClosedWhoIsStillThereGoesOn() {
        Cluster closed = Cluster.of(
                closed(in("etcd3", "n1"), "raft"),
                closed(in("etcd3", "n2"), "raft"),
                closed(in("etcd3", "n3"), "raft"));
        assertEquals(new Step.Go(NAMES, false), closed.to("raft"));
        Cluster primaryFirst = Cluster.of(
                closed(in("etcd3", "n1"), "raft").setPrimary(false),
                closed(in("etcd3", "n2"), "raft"),
                closed(in("etcd3", "n3"), "raft").setPrimary(true));
        assertEquals(new Step.Go(List.of("n3", "n1", "n2"), false), primaryFirst.to("raft"));
        Cluster half = Cluster.of(
                entered("raft", "etcd3", "n1"), closed(in("etcd3", "n2"), "raft"), entered("raft", "etcd3", "n3"));
        assertEquals(new Step.Go(List.of("n2"), false), half.to("raft"));
        half.silent("n2", "n2:8009").waits("raft", "nobody leads by the store raft yet");
        closed.silent("n3", "n3:8009").waits("raft", "n3 (n3:8009) does not answer");
        closed.refuses("consul", "was closed in a move to raft");
    }

    @Test
    void aMoveCanGoBackUntilSomebodyMayHaveLed() {
        Cluster closed = Cluster.of(
                closed(in("etcd3", "n1"), "raft"),
                closed(in("etcd3", "n2"), "raft"),
                closed(in("etcd3", "n3"), "raft"));
        assertEquals(new Step.Open("n1"), closed.to("etcd3"));
        Cluster resumed = Cluster.of(
                closed(in("etcd3", "n1"), "raft").setPausedThere(false),
                closed(in("etcd3", "n2"), "raft").setPausedThere(false));
        assertEquals(new Step.Pause("n1"), resumed.to("etcd3"));
        Cluster.of(closed(in("etcd3", "n3"), "raft").setMayOpen(false)).waits("etcd3", "none of n3 knows");
        Cluster prepared = Cluster.of(
                closed(entered("zookeeper", "etcd3", "n1"), "etcd3").setSeen(true),
                closed(entered("zookeeper", "etcd3", "n2"), "etcd3").setSeen(true));
        assertEquals(new Step.Open("n1"), prepared.to("zookeeper"));
        Cluster.of(
                        closed(entered("zookeeper", "etcd3", "n1"), "etcd3")
                                .setSeen(true)
                                .removeMembers(1),
                        closed(entered("zookeeper", "etcd3", "n2"), "etcd3"))
                .waits("zookeeper", "does not know n2 yet");
        assertEquals(new Step.Go(List.of("n1", "n2"), true), prepared.to("etcd3"));
        Cluster half = Cluster.of(
                entered("raft", "etcd3", "n1"), closed(in("etcd3", "n2"), "raft"), entered("raft", "etcd3", "n3"));
        assertEquals(new Step.Go(List.of("n1", "n3"), true), half.to("etcd3"));
        // What was prepared there is closed before: nobody who is forgotten there leads by it later.
        Cluster formed = Cluster.of(
                entered("etcd3", "raft", "n1").setSeen(true),
                closed(in("raft", "n2"), "etcd3"),
                closed(in("raft", "n3"), "etcd3"));
        assertEquals(new Step.Close("n1", false), formed.to("raft"));
        Cluster settled = Cluster.of(
                entered("raft", "etcd3", "n1").setMovingFrom(""),
                entered("raft", "etcd3", "n2"),
                closed(in("etcd3", "n3"), "raft"));
        settled.refuses("etcd3", "n1 has noted it", "Finish this move first");
    }

    @Test
    void theEndOfThePauseWaitsUntilTheNewStoreHasEverything() {
        UnaryOperator<Place.Builder> paused = p -> p.setPaused(true);
        assertEquals(new Step.Resume("n1"), Cluster.of(paused, paused, "raft").to("raft"));
        Cluster.of(entered("raft", "etcd3", "n1"), entered("raft", "etcd3", "n2"), entered("raft", "etcd3", "n3"))
                .waits("raft", "it does not answer to n1, n2, n3");
        List<UnaryOperator<Place.Builder>> incomplete = List.of(
                p -> p.setSyncThere(false),
                p -> p.setConfigThere(false),
                p -> p.setInitialize(""),
                p -> p.setSeen(false));
        for (UnaryOperator<Place.Builder> one : incomplete) {
            assertInstanceOf(
                    Step.Wait.class,
                    Cluster.of(p -> one.apply(paused.apply(p)), paused, "raft").to("raft"));
        }
        Cluster.of(p -> paused.apply(p).removeMembers(1), paused, "raft").waits("raft", "does not know n2");
        Cluster.of(paused, paused, "raft").silent("n3", "n3:8009").waits("raft", "n3 (n3:8009) does not answer");
        Step.Done kept = assertInstanceOf(
                Step.Done.class,
                Cluster.of(paused, paused, "raft").pausedByOthers().to("raft"));
        assertTrue(kept.how().contains("stays so"), kept.how());
        assertInstanceOf(Step.Done.class, well("raft").silent("n3", "n3:8009").to("raft"));
    }

    @Test
    void whoWasAwayFollows() {
        Cluster late = Cluster.of(
                in("raft", "n1"),
                in("raft", "n2"),
                closed(in("etcd3", "n3"), "raft").setPaused(false));
        assertEquals(new Step.Go(List.of("n3"), false), late.to("raft"));
    }

    @Test
    void withoutTheLeaderThatDiedInTheMoveNobodyIsElectedByItself() {
        Cluster back = Cluster.of(in("etcd3", "n2"), in("etcd3", "n3")).dead("n1");
        back.members.replaceAll(m -> new MovePlan.Member(
                m.name(),
                m.address(),
                m.place().map(p -> p.toBuilder().setLeader("").setPaused(true).build()),
                ""));
        Step.Done done = assertInstanceOf(Step.Done.class, back.to("etcd3"));
        assertTrue(done.how().contains("does not run any more on n1"), done.how());
    }

    private static Place.Builder stopped(Place.Builder place) {
        return place.setPrimary(false);
    }

    @Test
    void withoutAPrimaryNobodyLeadsByAStoreThatNobodyHasLedBy() {
        Cluster gone = Cluster.of(entered("raft", "etcd3", "n2"), entered("raft", "etcd3", "n3"))
                .dead("n1");
        gone.refuses("raft", "go back (migrate --to etcd3 --without n1)");
        Cluster down = Cluster.of(
                stopped(entered("raft", "etcd3", "n1")),
                entered("raft", "etcd3", "n2"),
                entered("raft", "etcd3", "n3"));
        down.waits("raft", "go back (migrate --to etcd3)");
        Cluster back = Cluster.of(
                stopped(in("etcd3", "n1")).setLeads(false).setPaused(true),
                in("etcd3", "n2").setPaused(true),
                in("etcd3", "n3").setPaused(true));
        back.waits("etcd3", "matriarchctl resume has one elected");
    }

    @Test
    void whoWasAwayInTheMoveBeforeFollowsInThisOne() {
        Cluster late = Cluster.of(
                in("etcd3", "n1").setPaused(true),
                closed(in("raft", "n2").setMovingFrom("etcd3"), "etcd3"),
                closed(in("raft", "n3"), "etcd3"));
        assertEquals(new Step.Go(List.of("n2", "n3"), false), late.to("etcd3"));
    }

    @Test
    void whoLostTheMajorityOfTheOldStoreBeforeItSawThatItIsClosedFollows() {
        Place.Builder n1 = stopped(in("etcd3", "n1")).setLeads(false).setPaused(true);
        Place.Builder n3 = in("raft", "n3").setSeen(false).setPaused(true);
        Cluster left = Cluster.of(n1, in("etcd3", "n2").setPaused(true), n3);
        assertEquals(new Step.Go(List.of("n3"), false), left.to("etcd3"));
        Cluster.of(n1, in("etcd3", "n2"), n3.setPrimary(true)).refuses("etcd3", "nobody leads by the store raft");
        Cluster.of(n1.setInitialize(""), in("etcd3", "n2").setInitialize(""), n3.setPrimary(false))
                .refuses("etcd3", "nobody leads by the store raft");
    }

    @Test
    void whoStayedBehindInTheStoreOfAnEarlierMoveIsBroughtAlongFirst() {
        Cluster behind = Cluster.of(
                in("etcd3", "n1"), in("etcd3", "n2"), entered("raft", "", "n3").setPaused(false));
        behind.refuses("raft", "n3: uses raft already", "migrate --to etcd3");
        assertEquals(new Step.Go(List.of("n3"), false), behind.to("etcd3"));
    }

    @Test
    void membersOfThreeStoresAreNotGuessedAbout() {
        Cluster.of(in("raft", "n1"), in("etcd3", "n2"), in("consul", "n3"))
                .refuses("zookeeper", "n1 raft, n2 etcd3, n3 consul");
    }
}
