/**
 * Clusters that are the parts of one distributed database, each with a leader and a store of its own: what an extension
 * for sharding has to be told when a leader changes.
 *
 * <p>Nothing here decides who leads, and nothing here can keep a leader from stepping down for longer than it says: what
 * the coordinator was not told in time it learns from the next announcement.
 */
package dev.matriarch.agent.sharding;
