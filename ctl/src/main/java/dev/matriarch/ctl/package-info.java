/**
 * {@code matriarchctl}: asks any agent of a cluster over gRPC and prints what it says.
 *
 * <p>What may never happen here: a decision about the cluster (agents decide and refuse), a direct access to the store
 * or to PostgreSQL, or a wait without a deadline. It starts often, so libraries for YAML and JSON are touched only by
 * the commands that need them.
 */
package dev.matriarch.ctl;
