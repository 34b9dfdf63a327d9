package dev.matriarch.agent.rpc;

/**
 * A fresh copy of the data directory.
 *
 * @param force cancel a long task that is running
 * @param fromLeader copy from the leader, not from a replica
 * @param cancel nothing of that: end the copy that is being made
 */
public record ReinitOrder(boolean force, boolean fromLeader, boolean cancel) {}
