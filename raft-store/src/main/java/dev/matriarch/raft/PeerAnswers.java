package dev.matriarch.raft;

import dev.matriarch.dcs.DcsException;
import dev.matriarch.proto.control.v1.CertificateRow;
import dev.matriarch.proto.control.v1.ChangeCertificateReply;
import dev.matriarch.proto.control.v1.ChangeCertificateRequest;
import dev.matriarch.proto.control.v1.GetCertificateRequest;
import dev.matriarch.proto.store.v1.ChangeReply;
import dev.matriarch.proto.store.v1.ChangeRequest;
import dev.matriarch.proto.store.v1.HelloReply;
import dev.matriarch.proto.store.v1.HelloRequest;
import dev.matriarch.proto.store.v1.JoinReply;
import dev.matriarch.proto.store.v1.JoinRequest;
import dev.matriarch.proto.store.v1.PeerIdentity;
import dev.matriarch.proto.store.v1.ReformReply;
import dev.matriarch.proto.store.v1.ReformRequest;
import dev.matriarch.proto.store.v1.SurveyReply;
import dev.matriarch.proto.store.v1.SurveyRequest;
import dev.matriarch.proto.store.v1.ViewReply;
import dev.matriarch.proto.store.v1.ViewRequest;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;
import org.apache.ratis.client.impl.ClientProtoUtils;
import org.apache.ratis.proto.RaftProtos.RaftClientReplyProto;
import org.apache.ratis.proto.RaftProtos.RaftClientRequestProto;

/** What this peer answers to others: who it is, whether they may join, and their commands when it is the Raft leader. */
final class PeerAnswers implements PeerRpc.Answers {
    private final String scope;
    private final Supplier<ReplicaHost> host;
    private final Admission admission;
    private final Membership membership;
    private final Proposals.Surroundings surroundings;
    private final Supplier<ViewReply> view;
    private final Herald herald;
    private final Survey survey;
    private final Succession succession;
    private final FeatureLevel level;
    private final PeerCertificates certificates;

    PeerAnswers(
            String scope,
            Supplier<ReplicaHost> host,
            Admission admission,
            Membership membership,
            Proposals.Surroundings surroundings,
            Supplier<ViewReply> view,
            Herald herald,
            Survey survey,
            Succession succession,
            FeatureLevel level,
            PeerCertificates certificates) {
        this.scope = scope;
        this.host = host;
        this.admission = admission;
        this.membership = membership;
        this.surroundings = surroundings;
        this.view = view;
        this.herald = herald;
        this.survey = survey;
        this.succession = succession;
        this.level = level;
        this.certificates = certificates;
    }

    @Override
    public HelloReply hello(HelloRequest request) {
        if (request.getScope().equals(scope)) {
            herald.learn(request.getGivenUpList());
        }
        PeerMarker marker = host.get().marker();
        HelloReply.Builder reply = HelloReply.newBuilder()
                .setFormatVersion(Forming.FORMAT_VERSION)
                .setScope(scope)
                .setMe(marker.identity())
                .setFeatureLevel(level.known())
                .addAllGivenUp(herald.givenUp());
        Optional<Proposals.Replica> replica = host.get().replica();
        if (marker.settled() && marker.groupId().isPresent()) {
            List<PeerIdentity> members =
                    replica.map(r -> Admission.members(r.division())).orElse(List.of());
            reply.setGroupId(marker.groupId().get().toString())
                    .addAllMembers(members.isEmpty() ? marker.members() : members);
        }
        if (!marker.settled()) {
            marker.groupId().ifPresent(g -> reply.setWaitingFor(g.toString()));
        }
        return reply.build();
    }

    @Override
    public ViewReply view(ViewRequest request) {
        return view.get();
    }

    @Override
    public CompletableFuture<ChangeReply> change(ChangeRequest request) {
        CompletableFuture<ChangeReply> reply = new CompletableFuture<>();
        Thread.ofVirtual().name("raft-store-change").start(() -> {
            try {
                reply.complete(membership.carryOut(surroundings.replica(), request));
            } catch (DcsException | RuntimeException e) {
                reply.complete(ChangeReply.newBuilder()
                        .setMessage(String.valueOf(e.getMessage()))
                        .build());
            }
        });
        return reply;
    }

    @Override
    public CompletableFuture<SurveyReply> survey(SurveyRequest request) {
        CompletableFuture<SurveyReply> reply = new CompletableFuture<>();
        Thread.ofVirtual().name("raft-store-survey").start(() -> reply.complete(survey.own()));
        return reply;
    }

    @Override
    public CompletableFuture<ReformReply> reform(ReformRequest request) {
        CompletableFuture<ReformReply> reply = new CompletableFuture<>();
        Thread.ofVirtual().name("raft-store-reform").start(() -> reply.complete(succession.reform(request)));
        return reply;
    }

    @Override
    public CompletableFuture<JoinReply> join(JoinRequest request) {
        CompletableFuture<JoinReply> reply = new CompletableFuture<>();
        Thread.ofVirtual().name("raft-store-admission").start(() -> {
            try {
                reply.complete(admission.admit(surroundings.replica(), request));
            } catch (DcsException | RuntimeException e) {
                reply.complete(JoinReply.newBuilder()
                        .setRefusal(String.valueOf(e.getMessage()))
                        .build());
            }
        });
        return reply;
    }

    @Override
    public CompletableFuture<CertificateRow> certificate(GetCertificateRequest request) {
        return later(() -> certificates.answer(request));
    }

    @Override
    public CompletableFuture<ChangeCertificateReply> changeCertificate(ChangeCertificateRequest request) {
        return later(() -> certificates.answer(request));
    }

    private interface Answer<R> {
        R given() throws IOException;
    }

    private static <R> CompletableFuture<R> later(Answer<R> answer) {
        CompletableFuture<R> reply = new CompletableFuture<>();
        Thread.ofVirtual().name("raft-store-certificate").start(() -> {
            try {
                reply.complete(answer.given());
            } catch (IOException | RuntimeException | LinkageError e) {
                reply.completeExceptionally(e);
            }
        });
        return reply;
    }

    @Override
    public CompletableFuture<RaftClientReplyProto> submit(RaftClientRequestProto request) {
        return host.get()
                .replica()
                .map(r -> Proposals.answer(r.server(), ClientProtoUtils.toRaftClientRequest(request)))
                .orElseGet(() -> CompletableFuture.failedFuture(new IOException(surroundings.whyNoLeader())));
    }
}
