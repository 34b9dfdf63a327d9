package dev.matriarch.ctl;

import dev.matriarch.proto.control.v1.DoctorServiceGrpc;
import dev.matriarch.proto.control.v1.ExamineReply;
import dev.matriarch.proto.control.v1.ExamineRequest;
import dev.matriarch.proto.control.v1.GetClockReply;
import dev.matriarch.proto.control.v1.GetClockRequest;
import dev.matriarch.proto.sharding.v1.GroupsReply;
import dev.matriarch.proto.sharding.v1.GroupsRequest;
import dev.matriarch.proto.sharding.v1.ShardingServiceGrpc;
import dev.matriarch.proto.watch.v1.EventsReply;
import dev.matriarch.proto.watch.v1.EventsRequest;
import dev.matriarch.proto.watch.v1.MemberPulse;
import dev.matriarch.proto.watch.v1.PulseReply;
import dev.matriarch.proto.watch.v1.PulseRequest;
import dev.matriarch.proto.watch.v1.WatchServiceGrpc;
import io.grpc.BindableService;
import io.grpc.Status;
import io.grpc.stub.StreamObserver;
import java.util.List;

/** What an agent shows to those who watch or examine its cluster and order nothing: what a test tells it to. */
final class FakeView {
    private final List<Object> asked;

    volatile PulseReply pulses = PulseReply.newBuilder()
            .addMembers(MemberPulse.newBuilder()
                    .setName("n1")
                    .setLeaseMillis(4200)
                    .setTtlMillis(5000)
                    .setGuarded(true)
                    .setWatchdog("off")
                    .setLastDecision("no action. I am (n1), the leader with the lock"))
            .addMembers(MemberPulse.newBuilder().setName("n2").setProblem("no answer in time"))
            .build();

    /** How many of the next questions for them fail. */
    volatile int failingPulses;

    volatile EventsReply events = EventsReply.getDefaultInstance();

    /** Null: it is too old for the question. */
    volatile ExamineReply examined = ExamineReply.getDefaultInstance();

    /** Of no Citus database. */
    volatile GroupsReply groups = GroupsReply.getDefaultInstance();

    /** @param asked notes the questions for events */
    FakeView(List<Object> asked) {
        this.asked = asked;
    }

    List<BindableService> services() {
        return List.of(new Watched(), new Examined(), new OneOfGroups());
    }

    private static <T> void answer(StreamObserver<T> to, T reply) {
        to.onNext(reply);
        to.onCompleted();
    }

    private final class Watched extends WatchServiceGrpc.WatchServiceImplBase {
        @Override
        public void pulse(PulseRequest request, StreamObserver<PulseReply> to) {
            if (failingPulses > 0) {
                failingPulses--;
                to.onError(Status.UNAVAILABLE.asRuntimeException());
                return;
            }
            answer(to, pulses);
        }

        @Override
        public void events(EventsRequest request, StreamObserver<EventsReply> to) {
            asked.add(request);
            answer(to, events);
        }
    }

    private final class Examined extends DoctorServiceGrpc.DoctorServiceImplBase {
        @Override
        public void examine(ExamineRequest request, StreamObserver<ExamineReply> to) {
            if (examined == null) {
                super.examine(request, to);
                return;
            }
            answer(to, examined);
        }

        @Override
        public void getClock(GetClockRequest request, StreamObserver<GetClockReply> to) {
            if (examined == null) {
                super.getClock(request, to);
                return;
            }
            answer(to, GetClockReply.getDefaultInstance());
        }
    }

    private final class OneOfGroups extends ShardingServiceGrpc.ShardingServiceImplBase {
        @Override
        public void groups(GroupsRequest request, StreamObserver<GroupsReply> to) {
            answer(to, groups);
        }
    }
}
