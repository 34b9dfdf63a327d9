/**
 * The operator's own programs: callbacks, which are told what happened, and hooks, which are waited for.
 *
 * <p>Nothing here decides about the server. A callback never holds the agent up; a hook holds up the action that asked
 * for it, never longer than its deadline. No program started here outlives the one that replaces it.
 */
package dev.matriarch.agent.callbacks;
