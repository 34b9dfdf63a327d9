/**
 * Microbenchmarks of code that runs in every heartbeat. Outside of the ordinary build; {@code bench/run decide} builds and
 * runs them. Uses the public records of the agent only, and no class of its tests.
 */
package dev.matriarch.bench;
