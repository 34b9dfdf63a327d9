/**
 * The agent's log: what a line looks like, where lines go, and the queue between them.
 *
 * <p>Writing a line never waits: not for a full disk, not for a pipe that nobody reads. What does not fit into the
 * queue is counted and said later. Nothing here decides anything about the cluster.
 */
package dev.matriarch.agent.log;
