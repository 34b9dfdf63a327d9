/**
 * Every decision of the agent, as functions of values.
 *
 * <p>{@link dev.matriarch.agent.ha.Decider#decide} reads one {@link dev.matriarch.agent.ha.Observation} and returns one
 * {@link dev.matriarch.agent.ha.Decision}. Nothing here may do I/O, read a clock, start a thread or log; the only
 * imports are this package, the cluster model and the JDK's data types. An architecture test holds that.
 */
package dev.matriarch.agent.ha;
