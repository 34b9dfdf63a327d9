package dev.matriarch.agent.certificates;

import dev.matriarch.agent.rpc.LocalAgent;
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
import java.time.Instant;
import java.util.List;
import java.util.SortedMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What is asked about certificates. Calls run on the door's virtual threads; the longest, new certificates for all, ends within {@link Members#LONGEST} for each member. */
public final class CertificateEndpoint extends CertificateServiceGrpc.CertificateServiceImplBase {
    private static final Logger LOG = LoggerFactory.getLogger(CertificateEndpoint.class);

    private final LocalAgent agent;
    private final Members members;
    private final ShownCertificate shown;
    /** One change at a time. */
    private final Object changing = new Object();

    public CertificateEndpoint(LocalAgent agent, Members members, ShownCertificate shown) {
        this.agent = agent;
        this.members = members;
        this.shown = shown;
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
        ChangeCertificateReply.Builder answer =
                ChangeCertificateReply.newBuilder().setName(agent.name());
        try {
            shown.change(request, Instant.now()).forEach(LOG::info);
            answer.setDone(true).setSerial(shown.row().getSerial());
        } catch (IOException | RuntimeException e) {
            LOG.warn("A change of this node's certificates was refused: {}", e.getMessage());
            answer.setProblem(String.valueOf(e.getMessage()));
        }
        reply.onNext(answer.build());
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
                .addAllRows(members.rows(known()).values())
                .build());
        reply.onCompleted();
    }

    private List<Member> known() {
        return agent.view().map(ClusterView::members).orElse(List.of());
    }

    @Override
    public void rotateCertificates(RotateCertificatesRequest request, StreamObserver<RotateCertificatesReply> reply) {
        RotateCertificatesReply.Builder answer = RotateCertificatesReply.newBuilder();
        synchronized (changing) {
            try {
                List<Member> all = known();
                SortedMap<String, CertificateRow> rows = members.rows(all);
                Rotation rotation = new Rotation(all, rows, members);
                answer.addAllLines(
                                switch (request.getWhat()) {
                                    case CERTIFICATES -> rotation.renew(request.getMembersList());
                                    case WHAT_UNSPECIFIED, UNRECOGNIZED ->
                                        throw new IOException("this agent does not know that change");
                                })
                        .setDone(true);
            } catch (IOException e) {
                answer.addLines(String.valueOf(e.getMessage()));
            }
        }
        agent.noteOrder("certificates: " + String.join("; ", answer.getLinesList()));
        reply.onNext(answer.build());
        reply.onCompleted();
    }
}
