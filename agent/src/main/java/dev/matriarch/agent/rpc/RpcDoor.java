package dev.matriarch.agent.rpc;

import dev.matriarch.agent.config.HostPort;
import dev.matriarch.agent.sharding.Sharding;
import io.grpc.Server;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;

/**
 * The gRPC server of an agent: the control service for people and the peer service for the other members.
 *
 * <p>The transport and the peers belong to the caller: close the door first, then the peers, then the transport.
 */
public final class RpcDoor implements AutoCloseable {
    private static final int CLOSE_MILLIS = 500;

    private final Server server;
    private final Operations operations;

    private RpcDoor(Server server, Operations operations) {
        this.server = server;
        this.operations = operations;
    }

    /**
     * Binds and starts to answer. {@code agent.dcs()} must be usable by then.
     *
     * @param configProblems what is wrong with a dynamic configuration's JSON text; empty if nothing is
     * @throws IOException if the address cannot be bound; the message names it
     */
    public static RpcDoor open(
            HostPort listen,
            LocalAgent agent,
            RpcTransport transport,
            Peers peers,
            Function<String, List<String>> configProblems)
            throws IOException {
        return open(listen, agent, transport, peers, configProblems, Sharding.NONE);
    }

    /** @param sharding what the other groups of a distributed database are answered by */
    public static RpcDoor open(
            HostPort listen,
            LocalAgent agent,
            RpcTransport transport,
            Peers peers,
            Function<String, List<String>> configProblems,
            Sharding sharding)
            throws IOException {
        Operations operations = new Operations(agent, peers, configProblems);
        Candidacies candidacies = new Candidacies(agent, operations, peers);
        Server server = transport.serve(
                listen,
                List.of(
                        new ControlEndpoint(agent, operations, peers, candidacies, transport.calls()),
                        new PeerEndpoint(agent, candidacies, peers.run()),
                        new ShardingEndpoint(agent.scope(), sharding)));
        operations.listen();
        return new RpcDoor(server, operations);
    }

    /** The same operations for another door. */
    public Operations operations() {
        return operations;
    }

    /** Stops listening; calls under way get half a second. */
    @Override
    public void close() {
        server.shutdown();
        try {
            if (!server.awaitTermination(CLOSE_MILLIS, TimeUnit.MILLISECONDS)) {
                server.shutdownNow();
                server.awaitTermination(CLOSE_MILLIS, TimeUnit.MILLISECONDS);
            }
        } catch (InterruptedException e) {
            server.shutdownNow();
            Thread.currentThread().interrupt();
        }
    }
}
