/**
 * The guards: processes outside this JVM that stop PostgreSQL when the lease has run out and nobody renewed it.
 *
 * <p>The agent may be killed, stopped or starved at any moment; from then on the guards act on the last deadline they
 * were told. Nothing here decides; nothing here may block on a guard that does not read.
 */
package dev.matriarch.agent.fencing;
