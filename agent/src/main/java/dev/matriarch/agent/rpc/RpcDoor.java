package dev.matriarch.agent.rpc;

import dev.matriarch.agent.config.HostPort;
import dev.matriarch.agent.sharding.Sharding;
import io.grpc.BindableService;
import io.grpc.Server;
import io.grpc.protobuf.services.ProtoReflectionServiceV1;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * The gRPC server of an agent: the control service for people and the peer service for the other members.
 *
 * <p>The transport and the peers belong to the caller: close the door first, then the peers, then the transport.
 */
public final class RpcDoor implements AutoCloseable {
    private static final int CLOSE_MILLIS = 500;

    private final Server server;
    private final Operations operations;
    private final ClusterWatch watch;

    private RpcDoor(Server server, Operations operations, ClusterWatch watch) {
        this.server = server;
        this.operations = operations;
        this.watch = watch;
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
        return open(
                listen, agent, transport, peers, configProblems, Sharding.NONE, List.of(), name -> Optional.empty());
    }

    /**
     * @param sharding what the other groups of a distributed database are answered by
     * @param more services that the door need not understand
     * @param health whether a health check of that name is good now; empty if there is none. Returns at once
     */
    public static RpcDoor open(
            HostPort listen,
            LocalAgent agent,
            RpcTransport transport,
            Peers peers,
            Function<String, List<String>> configProblems,
            Sharding sharding,
            List<BindableService> more,
            Function<String, Optional<Boolean>> health)
            throws IOException {
        Operations operations = new Operations(agent, peers, configProblems);
        Candidacies candidacies = new Candidacies(agent, operations, peers);
        ClusterWatch watch = new ClusterWatch(agent, peers);
        more.stream()
                .filter(AsksTheAgent.class::isInstance)
                .map(AsksTheAgent.class::cast)
                .forEach(service -> service.agent(agent));
        List<BindableService> services = new ArrayList<>(more);
        services.add(new ControlEndpoint(agent, operations, peers, candidacies, transport.calls()));
        services.add(new PeerEndpoint(agent, candidacies, peers.run()));
        services.add(new WatchEndpoint(watch));
        services.add(new ShardingEndpoint(agent.scope(), sharding));
        Set<String> names = services.stream()
                .map(s -> s.bindService().getServiceDescriptor().getName())
                .collect(Collectors.toSet());
        List<BindableService> all = new ArrayList<>(services);
        all.add(new HealthEndpoint(names, health, transport.calls()));
        all.add(ProtoReflectionServiceV1.newInstance());
        Server server = transport.serve(listen, all);
        operations.listen();
        return new RpcDoor(server, operations, watch);
    }

    /** The same operations for another door. */
    public Operations operations() {
        return operations;
    }

    /** What all members say of themselves, for another door. */
    public ClusterWatch watch() {
        return watch;
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
