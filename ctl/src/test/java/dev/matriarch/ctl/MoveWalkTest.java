package dev.matriarch.ctl;

import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

/** {@link MovePlan} walks at random through a model of agents and stores in which much goes wrong. */
class MoveWalkTest {
    private static final int WALKS = 500;
    private static final int STEPS = 80;

    private static void walk(String from, String to) {
        int moved = 0;
        for (long seed = 0; seed < WALKS; seed++) {
            MoveWalk walk = new MoveWalk(seed, from, to);
            for (int i = 0; i < STEPS; i++) {
                walk.step();
                walk.assertOneLeader();
            }
            moved += walk.hasMoved() ? 1 : 0;
            walk.mend();
        }
        assertTrue(moved > WALKS / 4, "only " + moved + " walks came to the other store");
    }

    @Test
    void toTheBuiltInStoreThereIsNeverASecondPrimaryAndAlwaysAWayOn() {
        walk("etcd3", "raft");
    }

    @Test
    void fromTheBuiltInStoreToo() {
        walk("raft", "etcd3");
    }

    @Test
    void betweenStoresOfOthersToo() {
        walk("consul", "zookeeper");
    }
}
