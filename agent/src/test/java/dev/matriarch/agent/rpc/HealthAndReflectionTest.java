package dev.matriarch.agent.rpc;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.DescriptorProtos.FileDescriptorProto;
import dev.matriarch.agent.config.HostPort;
import dev.matriarch.agent.sharding.Sharding;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.health.v1.HealthCheckRequest;
import io.grpc.health.v1.HealthCheckResponse;
import io.grpc.health.v1.HealthCheckResponse.ServingStatus;
import io.grpc.health.v1.HealthGrpc;
import io.grpc.reflection.v1.ServerReflectionGrpc;
import io.grpc.reflection.v1.ServerReflectionRequest;
import io.grpc.reflection.v1.ServerReflectionResponse;
import io.grpc.stub.StreamObserver;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** As any gRPC client would ask: with the stubs that come with gRPC. */
@Timeout(30)
class HealthAndReflectionTest {
    private final Map<String, Boolean> health = new ConcurrentHashMap<>(Map.of("liveness", true, "primary", false));
    private final RpcTransport transport = new RpcTransport();
    private final Peers peers = new Peers(transport, "demo", "n1");
    private RpcDoor door;
    private ManagedChannel channel;

    @BeforeEach
    void open() throws Exception {
        HostPort address;
        try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"))) {
            address = new HostPort("127.0.0.1", free.getLocalPort());
        }
        door = RpcDoor.open(
                address,
                new FakeLocalAgent("n1", new FakeDcs()),
                transport,
                peers,
                json -> List.<String>of(),
                Sharding.NONE,
                List.of(),
                name -> Optional.ofNullable(health.get(name)));
        channel = transport.connect(address);
    }

    @AfterEach
    void close() {
        channel.shutdownNow();
        door.close();
        peers.close();
        transport.close();
    }

    private static HealthCheckRequest about(String name) {
        return HealthCheckRequest.newBuilder().setService(name).build();
    }

    private ServingStatus check(String name) {
        return HealthGrpc.newBlockingStub(channel)
                .withDeadlineAfter(10, TimeUnit.SECONDS)
                .check(about(name))
                .getStatus();
    }

    @Test
    void theAgentServesAsLongAsItsHeartbeatIsAlive() {
        for (String name : List.of("", "matriarch.control.v1.ControlService", "matriarch.peer.v1.PeerService")) {
            assertEquals(ServingStatus.SERVING, check(name), name);
        }
        health.put("liveness", false);
        assertEquals(ServingStatus.NOT_SERVING, check(""));
        assertEquals(ServingStatus.NOT_SERVING, check("matriarch.control.v1.ControlService"));
    }

    @Test
    void rolesHaveNames() {
        assertEquals(ServingStatus.NOT_SERVING, check("primary"));
        health.put("primary", true);
        assertEquals(ServingStatus.SERVING, check("primary"));
        StatusRuntimeException e = assertThrows(StatusRuntimeException.class, () -> check("nonsense"));
        assertEquals(Status.Code.NOT_FOUND, e.getStatus().getCode());
    }

    @Test
    void whoWatchesIsToldOfChanges() {
        Iterator<HealthCheckResponse> told = HealthGrpc.newBlockingStub(channel)
                .withDeadlineAfter(20, TimeUnit.SECONDS)
                .watch(about("primary"));
        assertEquals(ServingStatus.NOT_SERVING, told.next().getStatus());
        health.put("primary", true);
        assertEquals(ServingStatus.SERVING, told.next().getStatus());
        health.remove("primary");
        assertEquals(ServingStatus.SERVICE_UNKNOWN, told.next().getStatus());
    }

    @Test
    void servicesCanBeFoundAndTheirShapeAsked() throws Exception {
        Set<String> services = reflected(ServerReflectionRequest.newBuilder().setListServices("*"))
                .getListServicesResponse()
                .getServiceList()
                .stream()
                .map(s -> s.getName())
                .collect(Collectors.toCollection(TreeSet::new));
        assertEquals(
                Set.of(
                        "grpc.health.v1.Health",
                        "grpc.reflection.v1.ServerReflection",
                        "matriarch.control.v1.ControlService",
                        "matriarch.peer.v1.PeerService",
                        "matriarch.sharding.v1.ShardingService",
                        "matriarch.watch.v1.WatchService"),
                services);
        FileDescriptorProto file = FileDescriptorProto.parseFrom(reflected(ServerReflectionRequest.newBuilder()
                        .setFileContainingSymbol("matriarch.control.v1.ControlService"))
                .getFileDescriptorResponse()
                .getFileDescriptorProto(0));
        assertTrue(
                file.getService(0).getMethodList().stream()
                        .anyMatch(m -> m.getName().equals("Switchover")),
                file.getName());
    }

    private ServerReflectionResponse reflected(ServerReflectionRequest.Builder question) throws InterruptedException {
        BlockingQueue<ServerReflectionResponse> answers = new LinkedBlockingQueue<>();
        StreamObserver<ServerReflectionRequest> ask = ServerReflectionGrpc.newStub(channel)
                .withDeadlineAfter(10, TimeUnit.SECONDS)
                .serverReflectionInfo(new StreamObserver<>() {
                    @Override
                    public void onNext(ServerReflectionResponse response) {
                        answers.add(response);
                    }

                    @Override
                    public void onError(Throwable failure) {
                        answers.add(ServerReflectionResponse.getDefaultInstance());
                    }

                    @Override
                    public void onCompleted() {
                        // All answers were taken by then.
                    }
                });
        ask.onNext(question.build());
        ServerReflectionResponse answer = answers.poll(10, TimeUnit.SECONDS);
        ask.onCompleted();
        return answer;
    }
}
