package dev.matriarch.rest;

import java.time.Duration;

/**
 * The leader of a worker group of a Citus database is about to change, or has changed.
 *
 * @param type {@code before_demote}, {@code before_promote} or {@code after_promote}
 * @param leader the member that is about to step down or to be promoted, or has been
 * @param timeout after which what {@code before_demote} began is undone
 * @param cooldown how long transactions that stand in the way may go on
 */
public record GroupEvent(String type, int group, String leader, Duration timeout, Duration cooldown) {}
