package dev.matriarch.agent.certificates;

import dev.matriarch.dcs.Member;
import dev.matriarch.proto.control.v1.CertificateRow;
import dev.matriarch.proto.control.v1.ChangeCertificateReply;
import dev.matriarch.proto.control.v1.ChangeCertificateRequest;
import java.io.IOException;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;

/**
 * Everybody who shows a certificate to others in this cluster: the members, asked at their control ports, and whoever else is a peer
 * of the store, asked at the store's. Any thread.
 */
final class Holders {
    private final Members members;
    private final Map<String, Member> byName = new LinkedHashMap<>();
    private final Map<String, StorePeers.Peer> others = new LinkedHashMap<>();

    /** @param known the members of the cluster, as this one sees it */
    Holders(Members members, Collection<Member> known) {
        this.members = members;
        known.forEach(m -> byName.put(m.name(), m));
        members.store().map(StorePeers::peers).orElse(List.of()).stream()
                .filter(p -> !byName.containsKey(p.name()))
                .forEach(p -> others.put(p.name(), p));
    }

    SortedSet<String> members() {
        return new TreeSet<>(byName.keySet());
    }

    Optional<Member> member(String name) {
        return Optional.ofNullable(byName.get(name));
    }

    /** A row for each, by name; of those that do not answer it says why. Takes four seconds at most. */
    SortedMap<String, CertificateRow> rows() {
        Map<String, CompletableFuture<CertificateRow>> asked = new LinkedHashMap<>();
        others.forEach((name, peer) ->
                asked.put(name, CompletableFuture.supplyAsync(() -> row(peer), Thread::startVirtualThread)));
        SortedMap<String, CertificateRow> rows = new TreeMap<>(members.rows(byName.values()));
        asked.forEach((name, row) -> rows.put(name, row.join()));
        return rows;
    }

    private CertificateRow row(StorePeers.Peer peer) {
        try {
            return members.store().orElseThrow().row(peer).toBuilder()
                    .setName(peer.name())
                    .build();
        } catch (IOException e) {
            return CertificateRow.newBuilder()
                    .setName(peer.name())
                    .setProblem(String.valueOf(e.getMessage()))
                    .build();
        }
    }

    /** @return what went wrong; empty: it was carried out */
    Optional<String> change(String name, ChangeCertificateRequest.Builder step) {
        if (byName.containsKey(name)) {
            return Optional.ofNullable(
                    members.change(List.of(byName.get(name)), step).get(name));
        }
        try {
            ChangeCertificateReply reply = members.store().orElseThrow().change(others.get(name), step);
            return reply.getDone() ? Optional.empty() : Optional.of(reply.getProblem());
        } catch (IOException e) {
            return Optional.of(String.valueOf(e.getMessage()));
        }
    }
}
