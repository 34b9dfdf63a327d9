package dev.matriarch.agent.loop;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.dcs.Member;
import org.junit.jupiter.api.Test;

/** A Patroni that does not know quorum commit takes the mode for none: nobody is to rely on it then. */
class OlderPatroniTest {
    private static Member member(String version, String rpcAddress) {
        return Member.named("n3").version(version).rpcAddress(rpcAddress).build();
    }

    @Test
    void patroniKnowsItFromFourOn() {
        for (String old : new String[] {"1.6.5", "2.1.4", "3.0.2", "3.3.6"}) {
            assertFalse(member(old, "").knowsQuorumCommit(), old);
        }
        assertTrue(member("4.0.4", "").knowsQuorumCommit());
        assertTrue(member("", "").knowsQuorumCommit(), "nothing is known of it");
        assertTrue(member("0.1.0", "10.0.0.3:8009").knowsQuorumCommit(), "ours");
    }
}
