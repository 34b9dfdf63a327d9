/**
 * The built-in configuration store: an Apache Ratis shell around the pure state machine of {@link
 * dev.matriarch.raft.state}.
 *
 * <p>Sockets, files, threads and clocks live here and nothing else: what a command does is decided in {@code state}.
 * Nothing here knows PostgreSQL or takes a decision of high availability. Every server, client and channel is made by
 * {@link dev.matriarch.raft.RaftTransport}.
 */
package dev.matriarch.raft;
