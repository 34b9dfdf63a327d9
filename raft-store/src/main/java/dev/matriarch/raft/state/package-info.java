/**
 * The built-in store as a pure function: {@link dev.matriarch.raft.state.Apply#apply} turns a state and a command into
 * the next state, a reply and the events that follow.
 *
 * <p>Every replica runs it over the same log and must arrive at the same bytes. Therefore: no Raft library, no clock, no
 * I/O, no randomness, no threads here, ever; an ArchUnit test holds it. Time enters only as the number of nanoseconds
 * that {@link dev.matriarch.raft.state.LeaseClock} is told, and that class never decides what a command does.
 */
package dev.matriarch.raft.state;
