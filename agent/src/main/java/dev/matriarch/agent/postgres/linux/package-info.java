/**
 * What the kernel says about processes: {@code /proc}, pidfd, signals.
 *
 * <p>No knowledge of PostgreSQL here. Native code is loaded by {@link dev.matriarch.agent.postgres.linux.Pidfd} alone,
 * and only when it is used.
 */
package dev.matriarch.agent.postgres.linux;
