/**
 * What the kernel offers: {@code /proc}, pidfd, signals, the watchdog device.
 *
 * <p>No knowledge of PostgreSQL here. Native code is called here and nowhere else, and loaded only when it
 * is used.
 */
package dev.matriarch.agent.postgres.linux;
