/**
 * The gRPC door of an agent and its calls to the doors of other members.
 *
 * <p>What may never happen here: a decision about leadership, a call to PostgreSQL, or a wait without a deadline. The
 * door reads through {@link dev.matriarch.agent.rpc.LocalAgent} and the store, and changes only what a person asked
 * for. Servers and channels are created in {@link dev.matriarch.agent.rpc.RpcTransport} and nowhere else.
 */
package dev.matriarch.agent.rpc;
