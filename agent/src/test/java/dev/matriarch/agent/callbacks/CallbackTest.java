package dev.matriarch.agent.callbacks;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Optional;
import org.junit.jupiter.api.Test;

/** Which callback fires, as a function of what happened and of the roles before and after. */
class CallbackTest {
    private static final Optional<Role> UNKNOWN = Optional.empty();
    private static final Optional<Role> WAS_PRIMARY = Optional.of(Role.PRIMARY);
    private static final Optional<Role> WAS_REPLICA = Optional.of(Role.REPLICA);
    private static final Optional<Role> WAS_DEMOTED = Optional.of(Role.DEMOTED);

    private static void fires(String event, Role role, Action action, Optional<Role> before, Role after) {
        assertEquals(Optional.of(new Callback(event, role)), Callback.choose(action, before, after));
    }

    private static void nothing(Action action, Optional<Role> before, Role after) {
        assertEquals(Optional.empty(), Callback.choose(action, before, after));
    }

    @Test
    void startInTheSameRoleIsOnStart() {
        fires("on_start", Role.REPLICA, Action.STARTED, UNKNOWN, Role.REPLICA);
        fires("on_start", Role.REPLICA, Action.STARTED, WAS_REPLICA, Role.REPLICA);
        fires("on_start", Role.PRIMARY, Action.STARTED, WAS_PRIMARY, Role.PRIMARY);
    }

    @Test
    void changeOfRoleTakesThePlaceOfStartRestartAndReload() {
        fires("on_role_change", Role.REPLICA, Action.STARTED, WAS_DEMOTED, Role.REPLICA);
        fires("on_role_change", Role.REPLICA, Action.STARTED, WAS_PRIMARY, Role.REPLICA);
        fires("on_role_change", Role.PRIMARY, Action.RESTARTED, WAS_REPLICA, Role.PRIMARY);
        fires("on_role_change", Role.REPLICA, Action.RELOADED, WAS_DEMOTED, Role.REPLICA);
    }

    @Test
    void demotionTellsTheStopFirstWithTheOldRole() {
        fires("on_stop", Role.PRIMARY, Action.STOPPED, WAS_PRIMARY, Callback.afterStop(Role.PRIMARY));
        assertEquals(Role.DEMOTED, Callback.afterStop(Role.PRIMARY));
        fires("on_role_change", Role.REPLICA, Action.STARTED, WAS_DEMOTED, Role.REPLICA);
    }

    @Test
    void stopOfAReplicaIsOnlyAStop() {
        fires("on_stop", Role.REPLICA, Action.STOPPED, WAS_REPLICA, Callback.afterStop(Role.REPLICA));
        fires("on_start", Role.REPLICA, Action.STARTED, WAS_REPLICA, Role.REPLICA);
    }

    @Test
    void restartAndReloadWithoutChangeOfRole() {
        fires("on_restart", Role.PRIMARY, Action.RESTARTED, WAS_PRIMARY, Role.PRIMARY);
        fires("on_reload", Role.REPLICA, Action.RELOADED, WAS_REPLICA, Role.REPLICA);
    }

    @Test
    void promotionIsAChangeOfRole() {
        fires("on_role_change", Role.PRIMARY, Action.PROMOTED, WAS_REPLICA, Role.PRIMARY);
        fires("on_role_change", Role.PRIMARY, Action.PROMOTED, UNKNOWN, Role.PRIMARY);
        nothing(Action.PROMOTED, WAS_PRIMARY, Role.PRIMARY);
    }

    @Test
    void attachToARunningServerIsOnStartOnce() {
        fires("on_start", Role.PRIMARY, Action.SEEN, UNKNOWN, Role.PRIMARY);
        nothing(Action.SEEN, WAS_PRIMARY, Role.PRIMARY);
        fires("on_start", Role.REPLICA, Action.RELOADED, UNKNOWN, Role.REPLICA);
    }

    @Test
    void roleThatSomebodyElseChangedIsTold() {
        fires("on_role_change", Role.PRIMARY, Action.SEEN, WAS_REPLICA, Role.PRIMARY);
    }

    @Test
    void leaderThatCannotBeStartedIsDemoted() {
        fires("on_role_change", Role.DEMOTED, Action.GIVEN_UP, WAS_PRIMARY, Role.DEMOTED);
        nothing(Action.GIVEN_UP, WAS_DEMOTED, Role.DEMOTED);
    }

    @Test
    void oldScriptsMayBeToldMaster() {
        assertEquals("master", Role.PRIMARY.word("master"));
        assertEquals("primary", Role.PRIMARY.word("primary"));
        assertEquals("replica", Role.REPLICA.word("master"));
    }
}
