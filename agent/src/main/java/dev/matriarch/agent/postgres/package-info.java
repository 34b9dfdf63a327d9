/**
 * Everything that touches the local PostgreSQL server: files, processes, connections.
 *
 * <p>{@link dev.matriarch.agent.postgres.PostgresServer} is the only door. Effects only: what should happen is decided
 * in {@code ha}. Every call blocks at most as long as its caller allows and fails with a
 * {@link dev.matriarch.agent.postgres.PostgresException} whose message is a sentence for the operator. No secret may
 * leave this package in an argument list, an environment variable or a log line.
 */
package dev.matriarch.agent.postgres;
