package dev.matriarch.agent.certificates;

import dev.matriarch.agent.rpc.ForwardMark;
import dev.matriarch.agent.rpc.LocalAgent;
import dev.matriarch.agent.rpc.Peers;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Member;
import dev.matriarch.proto.control.v1.CertificateRow;
import dev.matriarch.proto.control.v1.CertificateServiceGrpc;
import dev.matriarch.proto.control.v1.ChangeCertificateReply;
import dev.matriarch.proto.control.v1.ChangeCertificateRequest;
import dev.matriarch.proto.control.v1.GetCertificateRequest;
import dev.matriarch.proto.control.v1.ListCertificatesReply;
import dev.matriarch.proto.control.v1.ListCertificatesRequest;
import dev.matriarch.proto.control.v1.RotateCertificatesReply;
import dev.matriarch.proto.control.v1.RotateCertificatesRequest;
import io.grpc.Status;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;

/** What is asked about certificates. Calls run on the door's virtual threads; the longest, another authority, ends within {@link #LONGEST_CHANGE}. */
public final class CertificateEndpoint extends CertificateServiceGrpc.CertificateServiceImplBase {
    private static final Duration LONGEST_CHANGE = Duration.ofSeconds(100);

    private final LocalAgent agent;
    private final Members members;
    private final ShownCertificate shown;
    private final boolean oneOfSeveralGroups;
    private final Supplier<Optional<String>> revokeTokens;
    /** One change at a time. */
    private final ReentrantLock changing = new ReentrantLock();

    /**
     * @param oneOfSeveralGroups of a Citus cluster: others than those that can be seen from here accept the same authority
     * @param revokeTokens lets nobody in any more by a token that was made before; says in a sentence what it did
     */
    public CertificateEndpoint(
            LocalAgent agent,
            Members members,
            ShownCertificate shown,
            boolean oneOfSeveralGroups,
            Supplier<Optional<String>> revokeTokens) {
        this.oneOfSeveralGroups = oneOfSeveralGroups;
        this.agent = agent;
        this.members = members;
        this.shown = shown;
        this.revokeTokens = revokeTokens;
    }

    @Override
    public void getCertificate(GetCertificateRequest request, StreamObserver<CertificateRow> reply) {
        if (!isOurs(request.getScope(), reply)) {
            return;
        }
        reply.onNext(shown.row());
        reply.onCompleted();
    }

    @Override
    public void changeCertificate(ChangeCertificateRequest request, StreamObserver<ChangeCertificateReply> reply) {
        if (!isOurs(request.getScope(), reply)) {
            return;
        }
        reply.onNext(shown.changed(request));
        reply.onCompleted();
    }

    private boolean isOurs(String scope, StreamObserver<?> reply) {
        if (scope.equals(agent.scope())) {
            return true;
        }
        reply.onError(Status.FAILED_PRECONDITION
                .withDescription(
                        "this is " + agent.name() + " of cluster '" + agent.scope() + "', not of '" + scope + "'")
                .asRuntimeException());
        return false;
    }

    @Override
    public void listCertificates(ListCertificatesRequest request, StreamObserver<ListCertificatesReply> reply) {
        reply.onNext(ListCertificatesReply.newBuilder()
                .setScope(agent.scope())
                .addAllRows(holders().rows().values())
                .build());
        reply.onCompleted();
    }

    private Holders holders() {
        return new Holders(members, agent.view().map(ClusterView::members).orElse(List.of()));
    }

    @Override
    public void rotateCertificates(RotateCertificatesRequest request, StreamObserver<RotateCertificatesReply> reply) {
        boolean forwarded = ForwardMark.isForwarded();
        RotateCertificatesReply answer;
        try {
            answer = switch (request.getWhat()) {
                case CERTIFICATES -> renewed(request);
                case AUTHORITY -> authority(request, forwarded);
                case WHAT_UNSPECIFIED, UNRECOGNIZED -> throw new IOException("this agent does not know that change");
            };
        } catch (IOException | RuntimeException e) {
            answer = RotateCertificatesReply.newBuilder()
                    .addLines(String.valueOf(e.getMessage()))
                    .build();
        }
        if (!request.getLook()) {
            agent.noteOrder("certificates: " + String.join("; ", answer.getLinesList()));
        }
        reply.onNext(answer);
        reply.onCompleted();
    }

    private RotateCertificatesReply renewed(RotateCertificatesRequest request) throws IOException {
        begin();
        try {
            Holders holders = holders();
            return RotateCertificatesReply.newBuilder()
                    .addAllLines(new Rotation(holders, holders.rows()).renew(request.getMembersList()))
                    .setDone(true)
                    .build();
        } finally {
            changing.unlock();
        }
    }

    private void begin() throws IOException {
        if (!changing.tryLock()) {
            throw new IOException("certificates are being changed by " + agent.name()
                    + " at this very moment; look at cert status, and try again");
        }
    }

    private RotateCertificatesReply authority(RotateCertificatesRequest request, boolean forwarded) throws IOException {
        if (oneOfSeveralGroups) {
            throw new IOException("the groups of a Citus cluster accept one authority, and this group does not see the"
                    + " others; change it by hand: docs/tls.md, \"The authority\"");
        }
        AuthorityChange.Until until = AuthorityChange.Until.of(request.getUntil());
        Holders holders = holders();
        SortedMap<String, CertificateRow> rows = holders.rows();
        AuthorityStep.Work first = switch (AuthorityStep.next(rows, holders.members(), Optional.empty())) {
            case AuthorityStep.Refuse refuse -> throw new IOException(refuse.why());
            case AuthorityStep.Over _ -> throw new IllegalStateException("nothing was begun");
            case AuthorityStep.Work work -> work;
        };
        if (request.getLook()) {
            return RotateCertificatesReply.newBuilder()
                    .setDone(true)
                    .setPlan(first.plan())
                    .addAllLines(AuthorityChange.described(
                            first, rows, members.store().isPresent()))
                    .build();
        }
        if (!first.leader().equals(agent.name())) {
            if (forwarded) {
                throw new IOException("the members do not agree on who leads the change, " + agent.name() + " or "
                        + first.leader() + "; try again");
            }
            return passedOn(request, holders.member(first.leader()).orElseThrow());
        }
        begin();
        try {
            return new AuthorityChange(agent.scope(), this::holders, shown.own().orElseThrow(), revokeTokens)
                    .carriedOut(request.getPlan(), until);
        } finally {
            changing.unlock();
        }
    }

    private RotateCertificatesReply passedOn(RotateCertificatesRequest request, Member leader) throws IOException {
        Peers.Heard<RotateCertificatesReply> heard = members.peers()
                .ask(
                        List.of(leader),
                        LONGEST_CHANGE,
                        channel -> CertificateServiceGrpc.newFutureStub(channel)
                                .withInterceptors(members.peers().forwarded())
                                .withDeadlineAfter(LONGEST_CHANGE.toNanos(), TimeUnit.NANOSECONDS)
                                .rotateCertificates(request),
                        answer -> leader.name())
                .get(leader.name());
        return heard.reply()
                .orElseThrow(() -> new IOException(leader.name() + ", which leads the change: " + heard.whyNot()
                        + ". What was done shows in cert status; repeat the command to go on"));
    }
}
