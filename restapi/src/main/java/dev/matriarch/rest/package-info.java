/**
 * The HTTP door: health checks for load balancers, the status documents, and the dynamic configuration.
 *
 * <p>Answers come from the agent's last observation in memory: nothing here queries PostgreSQL or the store, and nothing
 * here knows the agent except through {@link dev.matriarch.rest.AgentView}. A health check compares the lease deadline
 * with the clock at the moment of the answer; it may never trust that the agent's loop is alive.
 */
package dev.matriarch.rest;
