/**
 * The flight recorder: what the agent saw and decided, in a bounded local file, and its re-run after the fact.
 *
 * <p>What may never happen here: holding up or failing a heartbeat, writing a secret, or a list of the fields of an
 * observation: the format follows the records of {@link dev.matriarch.agent.ha} by itself. {@link
 * dev.matriarch.agent.recorder.Replay} runs without an agent and without a logging library.
 */
package dev.matriarch.agent.recorder;
