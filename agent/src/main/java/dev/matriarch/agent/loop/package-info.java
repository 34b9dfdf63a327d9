/**
 * The heartbeat: observe, decide, act, wait.
 *
 * <p>{@link dev.matriarch.agent.loop.Heartbeat} is the only thing in the agent that sleeps between decisions, and the only
 * caller of the decision core. Effects are carried out here and in the rooms below; no decision is made here.
 */
package dev.matriarch.agent.loop;
