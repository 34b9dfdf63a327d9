package dev.matriarch.agent.certificates;

import dev.matriarch.agent.rpc.LocalAgent;
import dev.matriarch.agent.rpc.Peers;
import dev.matriarch.dcs.Member;
import dev.matriarch.proto.control.v1.CertificateRow;
import dev.matriarch.proto.control.v1.CertificateServiceGrpc;
import dev.matriarch.proto.control.v1.ChangeCertificateReply;
import dev.matriarch.proto.control.v1.ChangeCertificateRequest;
import dev.matriarch.proto.control.v1.GetCertificateRequest;
import java.time.Duration;
import java.util.Collection;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;

/** The members' certificates, over the control ports. Any thread. */
public final class Members {
    /** Of one question to all of them. */
    static final Duration LONGEST = Duration.ofSeconds(4);

    private final LocalAgent agent;
    private final Peers peers;
    private final Optional<StorePeers> store;

    /** @param store absent: the cluster's keys are in another one than the built-in */
    public Members(LocalAgent agent, Peers peers, Optional<StorePeers> store) {
        this.agent = agent;
        this.peers = peers;
        this.store = store;
    }

    Optional<StorePeers> store() {
        return store;
    }

    Peers peers() {
        return peers;
    }

    /** A row for each, by name; of those that do not answer it says why. */
    public SortedMap<String, CertificateRow> rows(Collection<Member> members) {
        GetCertificateRequest question =
                GetCertificateRequest.newBuilder().setScope(agent.scope()).build();
        SortedMap<String, CertificateRow> rows = new TreeMap<>();
        peers.ask(
                        members,
                        LONGEST,
                        channel -> CertificateServiceGrpc.newFutureStub(channel)
                                .withDeadlineAfter(LONGEST.toNanos(), TimeUnit.NANOSECONDS)
                                .getCertificate(question),
                        CertificateRow::getName)
                .forEach((name, heard) -> rows.put(
                        name,
                        heard.reply()
                                .orElseGet(() -> CertificateRow.newBuilder()
                                        .setName(name)
                                        .setProblem(heard.whyNot())
                                        .build())));
        return rows;
    }

    /** Has the change carried out on each of them. @return name to what went wrong, of those where something did */
    SortedMap<String, String> change(Collection<Member> members, ChangeCertificateRequest.Builder step) {
        ChangeCertificateRequest request = step.setScope(agent.scope()).build();
        Map<String, Peers.Heard<ChangeCertificateReply>> heard = peers.ask(
                members,
                LONGEST,
                channel -> CertificateServiceGrpc.newFutureStub(channel)
                        .withDeadlineAfter(LONGEST.toNanos(), TimeUnit.NANOSECONDS)
                        .changeCertificate(request),
                ChangeCertificateReply::getName);
        SortedMap<String, String> problems = new TreeMap<>();
        heard.forEach((name, one) -> {
            if (one.reply().isEmpty()) {
                problems.put(name, one.whyNot());
            } else if (!one.reply().get().getDone()) {
                problems.put(name, one.reply().get().getProblem());
            }
        });
        return problems;
    }
}
