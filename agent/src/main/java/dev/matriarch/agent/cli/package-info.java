/**
 * What the program {@code matriarch} does besides running an agent: it judges a configuration, and writes one. Reads and
 * asks only; the one file that may be written is the one named by the user, and never over an existing one.
 */
package dev.matriarch.agent.cli;
