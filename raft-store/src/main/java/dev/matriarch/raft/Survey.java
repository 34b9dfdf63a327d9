package dev.matriarch.raft;

import com.google.protobuf.ByteString;
import dev.matriarch.dcs.Member;
import dev.matriarch.proto.store.v1.PeerIdentity;
import dev.matriarch.proto.store.v1.PeerSight;
import dev.matriarch.proto.store.v1.ServerNote;
import dev.matriarch.proto.store.v1.SurveyReply;
import dev.matriarch.proto.store.v1.SurveyRequest;
import dev.matriarch.proto.store.v1.ViewReply;
import dev.matriarch.proto.store.v1.ViewRequest;
import dev.matriarch.raft.state.SavedStore;
import dev.matriarch.raft.state.SnapshotFormat;
import java.io.IOException;
import java.net.Socket;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.apache.ratis.thirdparty.io.grpc.Status;
import org.apache.ratis.thirdparty.io.grpc.StatusRuntimeException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What is left of a store that has lost its majority, as far as those who answer can tell: what this peer has, and what
 * all of them have together. Changes nothing. Any thread.
 */
final class Survey {
    private static final Logger LOG = LoggerFactory.getLogger(Survey.class);
    private static final Duration SURVEY_TIMEOUT = Duration.ofSeconds(3);
    private static final Duration VIEW_TIMEOUT = Duration.ofMillis(1500);
    private static final int KNOCK_MILLIS = 700;

    private final RaftStoreSettings settings;
    private final PeerRpc rpc;
    private final Supplier<ReplicaHost> host;
    private final Supplier<ViewReply> view;
    private volatile Supplier<Optional<ServerNote>> server = Optional::empty;

    /** @param view what this peer sees */
    Survey(RaftStoreSettings settings, PeerRpc rpc, Supplier<ReplicaHost> host, Supplier<ViewReply> view) {
        this.settings = settings;
        this.rpc = rpc;
        this.host = host;
        this.view = view;
    }

    /** @param note says how the PostgreSQL beside this peer is; may take a second */
    void server(Supplier<Optional<ServerNote>> note) {
        server = note;
    }

    /** What this peer has left. May take a second. */
    SurveyReply own() {
        SurveyReply.Builder reply = SurveyReply.newBuilder().setView(view.get());
        ReplicaHost mine = host.get();
        Optional<Proposals.Replica> replica = mine.replica();
        if (mine.marker().settled()
                && replica.isPresent()
                && reply.getView().getProblem().isEmpty()) {
            try {
                LastKnown known = LastKnown.of(replica.get());
                String group = mine.marker().groupId().map(UUID::toString).orElse("");
                SavedStore saved = new SavedStore(settings.scope(), group, System.currentTimeMillis(), known.state());
                reply.setSaved(ByteString.copyFrom(saved.bytes()))
                        .setLastTerm(known.last().getTerm())
                        .setLastIndex(known.last().getIndex());
            } catch (IOException | RuntimeException e) {
                LOG.warn("What this peer holds of the store could not be read: {}", e.toString());
            }
        }
        try {
            server.get().ifPresent(reply::setServer);
        } catch (RuntimeException e) {
            LOG.warn("The state of PostgreSQL could not be read", e);
        }
        return reply.build();
    }

    /** Asks everybody. Takes six seconds at most. */
    Recovery preview() {
        SurveyReply own = own();
        Set<String> addresses = new LinkedHashSet<>();
        own.getView().getPeersList().stream()
                .map(PeerSight::getPeer)
                .map(PeerIdentity::getAddress)
                .forEach(addresses::add);
        addresses.addAll(settings.partners());
        Map<String, RecoveryPlan.Heard> heard = new LinkedHashMap<>();
        heard.put(settings.selfAddress(), new RecoveryPlan.Heard(Optional.of(own.getView()), Optional.of(own)));
        for (int round = 0; round < 2; round++) {
            Map<String, CompletableFuture<RecoveryPlan.Heard>> asked = new LinkedHashMap<>();
            addresses.stream()
                    .filter(a -> !heard.containsKey(a))
                    .forEach(
                            a -> asked.put(a, CompletableFuture.supplyAsync(() -> ask(a), Thread::startVirtualThread)));
            asked.forEach((address, answer) -> heard.put(address, answer.join()));
            heard.values().stream()
                    .flatMap(h -> h.view().stream())
                    .flatMap(v -> v.getPeersList().stream())
                    .forEach(p -> addresses.add(p.getPeer().getAddress()));
        }
        return RecoveryPlan.of(settings.scope(), own, heard, alive(own, heard));
    }

    private RecoveryPlan.Heard ask(String address) {
        try {
            SurveyReply reply = rpc.survey(
                    address,
                    SurveyRequest.newBuilder()
                            .setFormatVersion(Forming.FORMAT_VERSION)
                            .setScope(settings.scope())
                            .build(),
                    SURVEY_TIMEOUT);
            return reply.getView().getScope().equals(settings.scope())
                    ? new RecoveryPlan.Heard(Optional.of(reply.getView()), Optional.of(reply))
                    : RecoveryPlan.Heard.NOTHING;
        } catch (StatusRuntimeException e) {
            boolean refused = e.getStatus().getCode() == Status.Code.UNAVAILABLE;
            // A channel that could not connect before fails once more: ask in another way.
            return new RecoveryPlan.Heard(view(address, refused ? 2 : 1), Optional.empty());
        } catch (StoreStartException e) {
            return RecoveryPlan.Heard.NOTHING;
        }
    }

    /**
     * What the peer at an address sees; empty: it does not answer, or belongs to another cluster.
     *
     * @param attempts each takes a second and a half at most
     */
    Optional<ViewReply> view(String address, int attempts) {
        for (int i = 0; i < attempts; i++) {
            try {
                return Optional.of(rpc.view(
                                address,
                                ViewRequest.newBuilder()
                                        .setFormatVersion(Forming.FORMAT_VERSION)
                                        .setScope(settings.scope())
                                        .build(),
                                VIEW_TIMEOUT))
                        .filter(v -> v.getScope().equals(settings.scope()));
            } catch (StatusRuntimeException | StoreStartException e) {
                LOG.debug("No answer from {}", address, e);
            }
        }
        return Optional.empty();
    }

    /** Knocks at the doors of members whose peers do not answer: an agent without its store, or a server that goes on. */
    private Map<String, String> alive(SurveyReply own, Map<String, RecoveryPlan.Heard> heard) {
        Map<String, String> alive = new ConcurrentHashMap<>();
        List<Thread> knocking = new ArrayList<>();
        Set<String> silent = own.getView().getPeersList().stream()
                .map(PeerSight::getPeer)
                .filter(p -> heard.getOrDefault(p.getAddress(), RecoveryPlan.Heard.NOTHING)
                        .view()
                        .isEmpty())
                .map(p -> PeerMarker.nameOf(p.getPeerId()))
                .collect(Collectors.toSet());
        try {
            if (own.getSaved().isEmpty()) {
                return Map.of();
            }
            SavedStore saved = SavedStore.read(own.getSaved().toByteArray());
            for (Member member : new ClusterViews().of(saved.state()).members()) {
                if (silent.contains(member.name())) {
                    knocking.add(Thread.ofVirtual().name("raft-store-knock").start(() -> {
                        if (opens(member.rpcAddress())) {
                            alive.put(member.name(), "its agent at " + member.rpcAddress() + " does");
                        } else if (opens(authority(member.connUrl()))) {
                            alive.put(
                                    member.name(),
                                    "its PostgreSQL at " + authority(member.connUrl()) + " takes connections");
                        }
                    }));
                }
            }
            for (Thread one : knocking) {
                one.join(Duration.ofMillis(4 * KNOCK_MILLIS));
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (SnapshotFormat.UnreadableSnapshot e) {
            LOG.warn("This peer's own copy of the store {}", e.getMessage());
        }
        return new TreeMap<>(alive);
    }

    /** Host and port of a connection URL, of its first host if it names several; empty: it names none. */
    static String authority(String url) {
        try {
            URI uri = URI.create(url.split(",", 2)[0]);
            return uri.getHost() == null ? "" : uri.getHost() + ":" + (uri.getPort() < 0 ? 5432 : uri.getPort());
        } catch (IllegalArgumentException e) {
            return "";
        }
    }

    private static boolean opens(String address) {
        if (address.isEmpty()) {
            return false;
        }
        try (Socket socket = new Socket()) {
            socket.connect(PeerAddress.parse(address).socketAddress(), KNOCK_MILLIS);
            return true;
        } catch (IOException | StoreStartException | IllegalArgumentException e) {
            return false;
        }
    }
}
