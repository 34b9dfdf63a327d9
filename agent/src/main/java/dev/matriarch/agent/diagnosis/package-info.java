/**
 * What is wrong with a cluster, and what to do about it: a function of what its members know of themselves.
 *
 * <p>What may never happen here: I/O, a clock, a thread, a secret in a sentence. Each check looks at one area and says of
 * everything that it looked at how it is. The names of checks are part of the interface of {@code matriarchctl doctor}.
 */
package dev.matriarch.agent.diagnosis;
