package dev.matriarch.agent.ha;

/** Whom a standby follows. */
public sealed interface Upstream {
    /** Stream from a member. */
    record Of(String member, String host, int port) implements Upstream {}

    /** Nobody is there to follow: run as a read-only server without a WAL receiver. */
    record Nobody() implements Upstream {}
}
