package dev.matriarch.agent.callbacks;

import java.util.Optional;

/**
 * Which callback fires, and what it is told.
 *
 * @param event as in the configuration, such as {@code on_start}
 */
public record Callback(String event, Role role) {
    /**
     * Pure. At most one callback follows from one action; a change of role takes the place of all others, except that a
     * stop is told first and the new role once it is taken up.
     *
     * @param before the role that was last told or known; empty: none yet
     * @param after the role after the action; of a stop, {@link #afterStop}
     */
    static Optional<Callback> choose(Action action, Optional<Role> before, Role after) {
        boolean changed = before.isPresent() && before.get() != after;
        Optional<Callback> roleChange = Optional.of(new Callback("on_role_change", after));
        return switch (action) {
            case STOPPED -> before.map(role -> new Callback("on_stop", role));
            case STARTED -> changed ? roleChange : Optional.of(new Callback("on_start", after));
            case RESTARTED -> changed ? roleChange : Optional.of(new Callback("on_restart", after));
            case RELOADED ->
                before.isEmpty()
                        // The first that is told of a server that was found running.
                        ? Optional.of(new Callback("on_start", after))
                        : changed ? roleChange : Optional.of(new Callback("on_reload", after));
            case PROMOTED -> before.equals(Optional.of(after)) ? Optional.empty() : roleChange;
            case GIVEN_UP -> changed ? roleChange : Optional.empty();
            case SEEN ->
                before.isEmpty()
                        ? Optional.of(new Callback("on_start", after))
                        : changed ? roleChange : Optional.empty();
        };
    }

    /** A stopped primary is no primary any more, whoever is next. */
    static Role afterStop(Role before) {
        return before == Role.PRIMARY ? Role.DEMOTED : before;
    }
}
