package dev.matriarch.agent.doctor;

import dev.matriarch.agent.diagnosis.Diagnosis;
import dev.matriarch.agent.diagnosis.Examination;
import dev.matriarch.agent.rpc.LocalAgent;
import dev.matriarch.agent.rpc.Peers;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Member;
import dev.matriarch.proto.control.v1.DoctorServiceGrpc;
import dev.matriarch.proto.control.v1.ExamineReply;
import dev.matriarch.proto.control.v1.ExamineRequest;
import dev.matriarch.proto.control.v1.Finding;
import dev.matriarch.proto.control.v1.GetClockReply;
import dev.matriarch.proto.control.v1.GetClockRequest;
import dev.matriarch.proto.control.v1.GetFactsRequest;
import dev.matriarch.proto.control.v1.ListPeersReply;
import dev.matriarch.proto.control.v1.ListPeersRequest;
import dev.matriarch.proto.control.v1.MemberFacts;
import dev.matriarch.proto.control.v1.RaftServiceGrpc;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.StreamObserver;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** Answers {@code matriarchctl doctor}. Calls run on the door's virtual threads and end within five seconds. */
public final class Doctor extends DoctorServiceGrpc.DoctorServiceImplBase {
    /** More than a member takes to look around, {@link Facts#LONGEST}. */
    private static final Duration ASK = Duration.ofMillis(4500);

    private static final Duration KEPT = Duration.ofMillis(500);

    private static final Duration ASK_STORE = Duration.ofMillis(4500);

    private final LocalAgent agent;
    private final Own own;
    private final Peers peers;
    /** Several who examine at the same time cost no more than one. */
    private final Shared<MemberFacts> facts;

    private final Shared<ExamineReply> answer;

    public Doctor(LocalAgent agent, Own own, Peers peers) {
        this.agent = agent;
        this.own = own;
        this.peers = peers;
        this.facts = new Shared<>(new Facts(agent, own, peers)::collect, KEPT);
        this.answer = new Shared<>(this::judged, KEPT);
    }

    @Override
    public void getClock(GetClockRequest request, StreamObserver<GetClockReply> reply) {
        reply.onNext(GetClockReply.newBuilder()
                .setName(agent.name())
                .setEpochMicros(Clocks.micros(Instant.now()))
                .build());
        reply.onCompleted();
    }

    @Override
    public void getFacts(GetFactsRequest request, StreamObserver<MemberFacts> reply) {
        reply.onNext(facts.get());
        reply.onCompleted();
    }

    @Override
    public void examine(ExamineRequest request, StreamObserver<ExamineReply> reply) {
        reply.onNext(answer.get());
        reply.onCompleted();
    }

    private ExamineReply judged() {
        Examination examination = examination();
        TreeSet<String> members = new TreeSet<>(examination.facts().keySet());
        members.addAll(examination.silent().keySet());
        ExamineReply.Builder judged = ExamineReply.newBuilder()
                .setScope(agent.scope())
                .setAnsweredBy(agent.name())
                .addAllMembers(members);
        Diagnosis.of(examination)
                .forEach(f -> judged.addFindings(Finding.newBuilder()
                        .setSeverity(f.severity().word())
                        .setArea(f.area())
                        .setCheck(f.check())
                        .setMember(f.member())
                        .setFound(f.found())
                        .setFix(f.fix())));
        return judged.build();
    }

    private Examination examination() {
        Optional<ClusterView> view = agent.view();
        List<Member> others = view.map(ClusterView::members).orElse(List.of()).stream()
                .filter(m -> !m.name().equals(agent.name()))
                .toList();
        CompletableFuture<MemberFacts> mine = CompletableFuture.supplyAsync(facts::get, Thread::startVirtualThread);
        CompletableFuture<Optional<ListPeersReply>> store =
                CompletableFuture.supplyAsync(this::peersOfTheStore, Thread::startVirtualThread);
        GetFactsRequest question =
                GetFactsRequest.newBuilder().setScope(agent.scope()).build();
        Map<String, Peers.Heard<MemberFacts>> heard = peers.ask(
                others,
                ASK,
                channel -> DoctorServiceGrpc.newFutureStub(channel)
                        .withDeadlineAfter(ASK.toNanos(), TimeUnit.NANOSECONDS)
                        .getFacts(question),
                MemberFacts::getName);
        SortedMap<String, MemberFacts> answers = new TreeMap<>();
        SortedMap<String, String> silent = new TreeMap<>();
        heard.forEach((name, one) ->
                one.reply().ifPresentOrElse(reply -> answers.put(name, reply), () -> silent.put(name, one.whyNot())));
        answers.put(agent.name(), mine.join());
        return new Examination(
                agent.scope(), agent.name(), Instant.now(), view, agent.dynamicConfig(), answers, silent, store.join());
    }

    /** The door itself does not know which store there is; empty also if it cannot be asked. */
    private Optional<ListPeersReply> peersOfTheStore() {
        if (own.source().current().config().builtIn().isEmpty()) {
            return Optional.empty();
        }
        try {
            return Optional.of(RaftServiceGrpc.newBlockingStub(peers.channel(
                            own.source().current().config().control().connectAddress()))
                    .withDeadlineAfter(ASK_STORE.toNanos(), TimeUnit.NANOSECONDS)
                    .listPeers(ListPeersRequest.getDefaultInstance()));
        } catch (StatusRuntimeException | IllegalStateException e) {
            return Optional.empty();
        }
    }
}
