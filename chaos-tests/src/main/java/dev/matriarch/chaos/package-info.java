/**
 * Drives a real cluster from outside: starts it with {@code ./demo}, sends signals to its processes, writes to it as a
 * client would, and measures. Shared by the integration tests and by {@code bench/run}.
 *
 * <p>Knows the demo's {@code demo.json}, the REST and SQL doors and process ids; never a class of Matriarch, so that what is
 * tested is what is shipped. Signals go only to processes of the cluster that this harness started.
 */
package dev.matriarch.chaos;
