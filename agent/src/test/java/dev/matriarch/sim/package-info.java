/**
 * A simulated cluster: the agent's real decision core and the store's real state machine over simulated servers, network,
 * clocks and faults. One seed decides everything; docs/simulation.md tells what is simulated and what is not.
 *
 * <p>Nothing here may read a clock, start a thread (but {@link dev.matriarch.sim.Simulate}, one for each schedule) or use
 * another source of chance than {@link dev.matriarch.sim.Rng}.
 */
package dev.matriarch.sim;
