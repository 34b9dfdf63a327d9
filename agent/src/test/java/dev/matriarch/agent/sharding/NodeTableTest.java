package dev.matriarch.agent.sharding;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.matriarch.agent.sharding.NodeTable.Add;
import dev.matriarch.agent.sharding.NodeTable.Remove;
import dev.matriarch.agent.sharding.NodeTable.Row;
import dev.matriarch.agent.sharding.NodeTable.SetCoordinator;
import dev.matriarch.agent.sharding.NodeTable.Update;
import java.util.List;
import org.junit.jupiter.api.Test;

class NodeTableTest {
    private static final Row PRIMARY = new Row(3, "w1", 5432, "primary");
    private static final Row SECONDARY = new Row(5, "w2", 5432, "secondary");

    private static Node node(String name, boolean primary) {
        return new Node(name, name, 5432, primary);
    }

    private static Group group(int number, Node... nodes) {
        return new Group(number, 1, List.of(nodes), List.of());
    }

    @Test
    void aNewGroupIsAddedWithItsReplicas() {
        assertEquals(
                List.of(new Add("w1", 5432, 1, "primary"), new Add("w2", 5432, 1, "secondary")),
                NodeTable.others(List.of(), group(1, node("w1", true), node("w2", false))));
        assertEquals(List.of(new SetCoordinator("c1", 5432)), NodeTable.others(List.of(), group(0, node("c1", true))));
    }

    @Test
    void nothingIsDoneToWhatIsRight() {
        List<Row> rows = List.of(PRIMARY, SECONDARY);
        assertEquals(List.of(), NodeTable.promote(rows, node("w1", true)));
        assertEquals(List.of(), NodeTable.others(rows, group(1, node("w1", true), node("w2", false))));
    }

    @Test
    void aPromotedReplicaTakesOverTheRowOfTheFormerPrimary() {
        assertEquals(
                List.of(new Update(5, "w2-replaced", 5432), new Update(3, "w2", 5432)),
                NodeTable.promote(List.of(PRIMARY, SECONDARY), node("w2", true)));
        List<Row> after = List.of(new Row(3, "w2", 5432, "primary"), new Row(5, "w2-replaced", 5432, "secondary"));
        assertEquals(
                List.of(new Remove("w2-replaced", 5432), new Add("w1", 5432, 1, "secondary")),
                NodeTable.others(after, group(1, node("w2", true), node("w1", false))));
    }

    @Test
    void aPrimaryThatStepsDownIsHiddenOnceAndFoundAgain() {
        assertEquals(List.of(new Update(3, "w1-demoted", 5432)), NodeTable.demote(List.of(PRIMARY, SECONDARY)));
        List<Row> hidden = List.of(new Row(3, "w1-demoted", 5432, "primary"));
        assertEquals(List.of(), NodeTable.demote(hidden));
        assertEquals(List.of(new Update(3, "w1", 5432)), NodeTable.promote(hidden, node("w1", true)));
    }

    @Test
    void theRowThatShardsBelongToIsNeverRemoved() {
        assertEquals(List.of(), NodeTable.others(List.of(PRIMARY), group(1)));
        assertEquals(
                List.of(new Remove("w2", 5432)),
                NodeTable.others(List.of(PRIMARY, SECONDARY), group(1, node("w1", true))));
        assertEquals(List.of(), NodeTable.promote(List.of(), node("w1", true)));
    }
}
