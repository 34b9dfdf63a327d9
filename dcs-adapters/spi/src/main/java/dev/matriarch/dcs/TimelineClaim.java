package dev.matriarch.dcs;

/**
 * A leader that is about to be promoted says so first: PostgreSQL takes the next timeline number that it has not heard of,
 * and a promotion that nobody heard of and the one after it would take the same.
 *
 * @param timeline the highest number that any leader has opened or was about to open
 * @param epoch of the leader lock under which it was claimed
 */
public record TimelineClaim(int timeline, long epoch) {}
