/**
 * How a new host becomes a member by a token: making, listing and revoking tokens, what the members answer to such a host, and
 * what {@code matriarch join} does on it.
 *
 * <p>What may never happen here: a secret said to somebody whose certificate was not verified, or to somebody who did not show
 * the secret of a token; a token that lets two hosts in; a file overwritten on the new host.
 */
package dev.matriarch.agent.join;
