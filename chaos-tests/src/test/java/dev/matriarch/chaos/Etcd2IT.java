package dev.matriarch.chaos;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;

/** By etcd's v2 API: what is common to all. */
class Etcd2IT extends OnStore<EtcdServer> {

    @Override
    EtcdServer serve(Path home) {
        return new EtcdServer(home);
    }

    @Override
    Cluster start(String address) {
        return Cluster.startOnEtcdV2(address, 3);
    }

    @Override
    String key(String name) {
        return server.getV2("/service/demo/" + name);
    }

    /** As docs/runbooks/emptied-store.md says. */
    @Test
    @Order(8)
    void aStoreThatLostEverythingWhileThePrimaryWasLostIsFilledByTheMemberThatIsStartedAgain() {
        String system = key("initialize");
        List<Node> rest = cluster.othersThan(leader);
        Node chosen = rest.getFirst();
        Map<Node, Integer> said = new HashMap<>();
        rest.forEach(node -> said.put(node, node.log().length()));
        Faults.HOST.strike(leader);
        server.loseEverything();
        for (Node node : rest) {
            Await.until(
                    node + " says what it waits for",
                    SOON,
                    () -> node.log().substring(said.get(node)).contains("restart the agent of the member"));
        }
        Processes.signal("TERM", List.of(chosen.requireAgent()));
        Await.until("its agent ends", SOON, () -> chosen.agentPid().isEmpty());
        long since = System.nanoTime();
        chosen.startAgent();
        Node next = cluster.awaitPrimaryOtherThan(leader, WHOLE);
        took("its agent was started again, one leads", since);
        assertEquals(system, key("initialize"));
        leader.startAgent();
        assertEquals(next, cluster.awaitWhole(WHOLE));
    }
}
