package dev.matriarch.agent.ha;

/**
 * The kernel watchdog of this host as decisions see it.
 *
 * @param required without it this member may not lead
 * @param why it is unusable, as a sentence; empty otherwise
 */
public record Watchdog(boolean required, State state, String why) {
    public static final Watchdog OFF = new Watchdog(false, State.OFF, "");

    public enum State {
        /** Not to be used. */
        OFF,
        /** Not running; as far as is known it could be. */
        READY,
        /** It resets the host unless it is fed, and is fed with each renewal. */
        RUNNING,
        UNUSABLE
    }

    /** It is needed and cannot be had: this member must not lead. */
    public boolean failed() {
        return required && state == State.UNUSABLE;
    }
}
