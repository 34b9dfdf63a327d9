package dev.matriarch.agent.rpc;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.proto.control.v1.ActionReply;
import dev.matriarch.proto.control.v1.ActionStep;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class ActionLogTest {
    private final List<String> told = new ArrayList<>();
    private final ActionLog log = new ActionLog(told::add);

    @Test
    void beginningAndEndAreToldUnderTheId() {
        ActionLog.Action action = log.begin("3f9c01ab", "restart n2");
        action.step("PostgreSQL: restarting");
        action.end(new Outcome(200, "restarted successfully"));
        assertEquals(
                List.of(
                        "action 3f9c01ab: restart n2 is asked for",
                        "action 3f9c01ab (restart n2) ended: 200 restarted successfully"),
                told);
        assertEquals(
                List.of("PostgreSQL: restarting"),
                log.reply("3f9c01ab").getStepsList().stream()
                        .map(ActionStep::getText)
                        .toList());
        assertEquals("restart n2", log.reply("3f9c01ab").getWhat());
    }

    @Test
    void anIdThatIsTakenOrNoneIsReplaced() {
        log.begin("3f9c01ab", "reload n1");
        assertNotEquals("3f9c01ab", log.begin("3f9c01ab", "reload n1").id());
        assertNotEquals("a b\nc", log.begin("a b\nc", "reload n1").id());
    }

    @Test
    void whatStillRunsIsNotForgottenForWhatHasEnded() {
        log.begin("long-one", "reinitialize n2").goesOn();
        for (int i = 0; i < 200; i++) {
            log.begin("id-" + i, "reload n2").end(new Outcome(202, "reload scheduled"));
        }
        assertTrue(log.reply("long-one").getKnown());
        assertFalse(log.reply("id-100").getKnown());
        assertTrue(log.reply("id-199").getKnown());
        for (int i = 0; i < 200; i++) {
            log.begin("run-" + i, "restart n2");
        }
        assertFalse(log.reply("long-one").getKnown());
    }

    @Test
    void whatGoesOnAfterItsAnswerHasNoResultBeforeItsEnd() {
        ActionLog.Action action = log.begin("reinit-1", "reinitialize n2");
        action.goesOn();
        ActionReply answer = action.end(new Outcome(200, "reinitialize started"));
        assertEquals("reinit-1", answer.getActionId());
        assertTrue(told.getLast().endsWith(" goes on: 200 reinitialize started"), told::toString);
        assertFalse(log.reply("reinit-1").hasResult());
        action.ended(new Outcome(200, "reinitialized"));
        assertEquals("reinitialized", log.reply("reinit-1").getResult().getMessage());
        assertTrue(told.getLast().endsWith(" ended: 200 reinitialized"), told::toString);
    }
}
