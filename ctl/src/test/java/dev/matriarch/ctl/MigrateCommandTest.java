package dev.matriarch.ctl;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.proto.control.v1.ControlServiceGrpc;
import dev.matriarch.proto.control.v1.GetConfigReply;
import dev.matriarch.proto.control.v1.GetConfigRequest;
import dev.matriarch.proto.control.v1.GetPlaceRequest;
import dev.matriarch.proto.control.v1.MarkStoreRequest;
import dev.matriarch.proto.control.v1.MemberAddress;
import dev.matriarch.proto.control.v1.MoveReply;
import dev.matriarch.proto.control.v1.MoveServiceGrpc;
import dev.matriarch.proto.control.v1.Place;
import dev.matriarch.proto.control.v1.PrepareStoreRequest;
import dev.matriarch.proto.control.v1.SetConfigReply;
import dev.matriarch.proto.control.v1.SetConfigRequest;
import dev.matriarch.proto.control.v1.UseStoreRequest;
import io.grpc.Server;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.stub.StreamObserver;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A cluster of two members whose agents do at once what they are told, unless they are to refuse. */
class MigrateCommandTest {
    private static final String SYSTEM = "7400000000000000001";

    /** In the order in which they were given. */
    private final List<String> orders = new ArrayList<>();

    private final List<Fake> agents = new ArrayList<>();
    private boolean paused;
    private String config = "{\"ttl\": 30}";

    /** Of the store of this section: where the cluster is instead. */
    private String zookeeperMovedTo = "";

    private String etcdMovedTo = "";

    private final class Fake extends MoveServiceGrpc.MoveServiceImplBase {
        private final String name;
        private final Server server;
        private String store = "etcd3";
        private boolean leads;
        private String refusal = "";
        private String obstacle = "";

        Fake(String name, boolean leads) throws Exception {
            this.name = name;
            this.leads = leads;
            server = NettyServerBuilder.forAddress(new InetSocketAddress("127.0.0.1", 0))
                    .directExecutor()
                    .addService(this)
                    .addService(new Configuration(name))
                    .build()
                    .start();
        }

        private String movedTo() {
            return store.equals("etcd3") ? etcdMovedTo : zookeeperMovedTo;
        }

        @Override
        public void getPlace(GetPlaceRequest request, StreamObserver<Place> to) {
            boolean open = movedTo().isEmpty();
            Place.Builder place = Place.newBuilder()
                    .setScope("demo")
                    .setName(name)
                    .setVersion("1")
                    .setStore(store)
                    .setSystemIdentifier(SYSTEM)
                    .setPaused(paused)
                    .setPausedThere(paused)
                    .setLeads(leads && open)
                    .setPrimary(leads)
                    .setSeen(true)
                    .setLeader(open ? "n1" : "")
                    .setInitialize(open ? SYSTEM : "0")
                    .setMovedTo(movedTo())
                    .setMayOpen(true)
                    .setConfigThere(true)
                    .setSyncThere(true);
            if (request.getExamine() && !obstacle.isEmpty()) {
                place.addObstacles(obstacle);
            }
            agents.forEach(a -> place.addMembers(
                    MemberAddress.newBuilder().setName(a.name).setRpcAddress("127.0.0.1:" + a.server.getPort())));
            to.onNext(place.build());
            to.onCompleted();
        }

        private void answer(String order, StreamObserver<MoveReply> to, Runnable work) {
            orders.add(name + " " + order);
            if (refusal.isEmpty()) {
                work.run();
            }
            to.onNext(MoveReply.newBuilder()
                    .setDone(refusal.isEmpty())
                    .setProblem(refusal)
                    .build());
            refusal = "";
            to.onCompleted();
        }

        @Override
        public void prepareStore(PrepareStoreRequest request, StreamObserver<MoveReply> to) {
            answer("prepares " + request.getStore(), to, () -> zookeeperMovedTo = "etcd3");
        }

        @Override
        public void markStore(MarkStoreRequest request, StreamObserver<MoveReply> to) {
            boolean opens = request.getTo().isEmpty();
            answer((opens ? "opens " : "closes ") + store, to, () -> {
                if (store.equals("etcd3")) {
                    etcdMovedTo = request.getTo();
                } else {
                    zookeeperMovedTo = request.getTo();
                }
            });
        }

        @Override
        public void useStore(UseStoreRequest request, StreamObserver<MoveReply> to) {
            answer("goes to " + request.getStore(), to, () -> store = request.getStore());
        }
    }

    private final class Configuration extends ControlServiceGrpc.ControlServiceImplBase {
        private final String name;

        Configuration(String name) {
            this.name = name;
        }

        @Override
        public void getConfig(GetConfigRequest request, StreamObserver<GetConfigReply> to) {
            to.onNext(GetConfigReply.newBuilder().setJson(config).setRevision(3).build());
            to.onCompleted();
        }

        @Override
        public void setConfig(SetConfigRequest request, StreamObserver<SetConfigReply> to) {
            config = request.getJson();
            paused = config.contains("pause");
            orders.add(name + (paused ? " pauses" : " resumes"));
            to.onNext(SetConfigReply.newBuilder().setWritten(true).build());
            to.onCompleted();
        }
    }

    @BeforeEach
    void start() throws Exception {
        agents.add(new Fake("n1", true));
        agents.add(new Fake("n2", false));
    }

    @AfterEach
    void stop() {
        agents.forEach(a -> a.server.shutdownNow());
    }

    private CtlRun run(String input, String... arguments) {
        List<String> all = new ArrayList<>(
                List.of("--endpoint", "127.0.0.1:" + agents.getLast().server.getPort(), "migrate"));
        all.addAll(List.of(arguments));
        return CtlRun.of(Map.of(), input, all.toArray(String[]::new));
    }

    @Test
    void theStepsAreTakenInTheirOrder() {
        CtlRun first = run("y\n", "--to", "zookeeper");
        assertEquals(0, first.code(), first.err());
        assertTrue(first.says("The cluster uses zookeeper, led by n1"), first.out());
        assertEquals(
                List.of(
                        "n1 pauses",
                        "n1 prepares zookeeper",
                        "n1 closes etcd3",
                        "n1 goes to zookeeper",
                        "n2 goes to zookeeper",
                        "n1 opens zookeeper",
                        "n1 resumes"),
                orders);
        assertEquals("{\"ttl\":30}", config.replace(" ", ""));
        assertTrue(run("", "--to", "zookeeper").says("The cluster uses zookeeper"), "nothing is left to do");
    }

    @Test
    void nobodyFollowsAPrimaryThatDoesNotGo() {
        paused = true;
        config = "{\"pause\": true}";
        etcdMovedTo = "zookeeper";
        zookeeperMovedTo = "etcd3";
        agents.getFirst().refusal = "the copy is not there yet";
        CtlRun run = run("", "--to", "zookeeper", "--force", "-o", "json");
        assertEquals(0, run.code(), run.err());
        assertEquals(
                List.of("n1 goes to zookeeper", "n1 goes to zookeeper", "n2 goes to zookeeper"), orders.subList(0, 3));
        assertTrue(run.says("\"status\":200"), run.out());
        assertTrue(run.says("stays so: matriarchctl resume"), run.out());
    }

    @Test
    void withAnObstacleOrWithoutAYesNothingIsChanged() {
        assertEquals(1, run("n\n", "--to", "zookeeper").code());
        assertTrue(run("", "--to", "zookeeper", "--dry-run").says("Nothing is in the way"), "a look");
        assertEquals(2, run("", "--to", "zookeeper", "-o", "json").code());
        agents.getLast().obstacle = "zookeeper is missing";
        CtlRun refused = run("", "--to", "zookeeper", "--force", "-o", "json");
        assertEquals(1, refused.code(), refused.out());
        assertTrue(refused.says("n2: zookeeper is missing"), refused.out());
        assertTrue(refused.says("\"status\":412"), refused.out());
        assertEquals(
                1, run("", "--to", "zookeeper", "--force", "--without", "n2").code());
        assertEquals(List.of(), orders);
    }
}
