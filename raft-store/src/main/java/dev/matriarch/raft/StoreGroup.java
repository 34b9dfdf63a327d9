package dev.matriarch.raft;

import dev.matriarch.dcs.DcsException;
import dev.matriarch.proto.store.v1.ChangeReply;
import dev.matriarch.proto.store.v1.ChangeRequest;
import dev.matriarch.proto.store.v1.PeerIdentity;
import dev.matriarch.proto.store.v1.PeerSight;
import dev.matriarch.proto.store.v1.Reply;
import dev.matriarch.proto.store.v1.ServerNote;
import dev.matriarch.proto.store.v1.ViewReply;
import dev.matriarch.proto.store.v1.ViewRequest;
import dev.matriarch.raft.state.SavedStore;
import dev.matriarch.raft.state.SnapshotFormat;
import dev.matriarch.raft.state.StoreState;
import java.time.Duration;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;
import org.apache.ratis.thirdparty.io.grpc.StatusRuntimeException;

/** The Raft group, for the people who look after it: what its peers see, and changes of who they are. Any thread. */
public final class StoreGroup {
    private static final Duration ASK_TIMEOUT = Duration.ofMillis(1500);

    /**
     * What became of a change, in a sentence.
     *
     * @param unknown if not done: it may have happened all the same, or may still happen
     */
    public record Result(boolean done, String message, boolean unknown) {
        /** What is known for sure. */
        public Result(boolean done, String message) {
            this(done, message, false);
        }

        static Result unknown(String message) {
            return new Result(false, message, true);
        }
    }

    private static final Duration STORE_TIMEOUT = Duration.ofSeconds(5);

    /**
     * A store as a file.
     *
     * @param problem why there is none; empty: there is
     */
    public record Saved(byte[] file, String problem) {}

    private final RaftStoreSettings settings;
    private final PeerRpc rpc;
    private final Membership membership;
    private final Proposals.Surroundings surroundings;
    private final Supplier<ViewReply> own;
    private final Supplier<PeerMarker> marker;
    private final RaftDcs.Store store;
    private final Survey survey;
    private final Succession succession;

    StoreGroup(
            RaftStoreSettings settings,
            PeerRpc rpc,
            Membership membership,
            Proposals.Surroundings surroundings,
            Supplier<ViewReply> own,
            Supplier<PeerMarker> marker,
            RaftDcs.Store store,
            Survey survey,
            Succession succession) {
        this.survey = survey;
        this.succession = succession;
        this.settings = settings;
        this.rpc = rpc;
        this.membership = membership;
        this.surroundings = surroundings;
        this.own = own;
        this.marker = marker;
        this.store = store;
    }

    /** Asks every peer that this one knows of, and those that they name; takes three seconds at most. */
    public GroupReport report() {
        ViewReply mine = own.get();
        return GroupHealth.of(mine, answers(mine));
    }

    /**
     * The Raft leader of a group, by its own word and in touch with its majority, wherever it is: this peer may never
     * have known it. Takes three seconds at most.
     */
    Optional<ViewReply> leaderOf(UUID group) {
        return answers(own.get()).values().stream()
                .flatMap(Optional::stream)
                .filter(v -> v.getRole().equals("leader") && v.getGroupId().equals(group.toString()))
                .filter(v -> v.hasLastContactMillis() && v.getLastContactMillis() < GroupHealth.SILENT_MILLIS)
                .max(Comparator.comparingLong(ViewReply::getTerm));
    }

    /** By address; empty: no answer. */
    private Map<String, Optional<ViewReply>> answers(ViewReply mine) {
        Map<String, Optional<ViewReply>> answers = new LinkedHashMap<>();
        answers.put(settings.selfAddress(), Optional.of(mine));
        Set<String> addresses = new LinkedHashSet<>();
        mine.getPeersList().stream()
                .map(PeerSight::getPeer)
                .map(PeerIdentity::getAddress)
                .forEach(addresses::add);
        marker.get().known().stream().map(PeerIdentity::getAddress).forEach(addresses::add);
        addresses.addAll(settings.partners());
        for (int round = 0; round < 2 && !answers.keySet().containsAll(addresses); round++) {
            Map<String, CompletableFuture<Optional<ViewReply>>> asked = new LinkedHashMap<>();
            addresses.stream().filter(a -> !answers.containsKey(a)).forEach(a -> asked.put(a, ask(a)));
            asked.forEach((address, reply) -> answers.put(address, reply.join()));
            answers.values().stream()
                    .flatMap(Optional::stream)
                    .flatMap(v -> v.getPeersList().stream())
                    .forEach(p -> addresses.add(p.getPeer().getAddress()));
        }
        return answers;
    }

    private CompletableFuture<Optional<ViewReply>> ask(String address) {
        CompletableFuture<Optional<ViewReply>> answer = new CompletableFuture<>();
        Thread.ofVirtual().name("raft-store-view").start(() -> answer.complete(view(address)));
        return answer;
    }

    /** What the peer at an address sees; empty: it does not answer, or belongs to another cluster. */
    Optional<ViewReply> view(String address) {
        try {
            return Optional.of(rpc.view(
                            address,
                            ViewRequest.newBuilder()
                                    .setFormatVersion(Forming.FORMAT_VERSION)
                                    .setScope(settings.scope())
                                    .build(),
                            ASK_TIMEOUT))
                    .filter(v -> v.getScope().equals(settings.scope()));
        } catch (StatusRuntimeException | StoreStartException e) {
            return Optional.empty();
        }
    }

    /** Takes a peer in that waits at this address. Blocks for half a minute at most, as the others. */
    public Result add(String address) {
        return change(ChangeRequest.newBuilder().setAdd(address));
    }

    /** Takes a peer in without a vote that waits for that at this address. Blocks as {@link #add}. */
    public Result addListener(String address) {
        return change(ChangeRequest.newBuilder().setAddListener(address));
    }

    /**
     * @param who name, address or peer id
     * @param force also if the store then survives no loss, or PostgreSQL's leader loses its store
     */
    public Result remove(String who, boolean force) {
        return change(ChangeRequest.newBuilder().setRemove(who).setForce(force));
    }

    /** @param who name, address or peer id of the next Raft leader; empty: the one whose log reaches furthest */
    public Result lead(String who) {
        return change(ChangeRequest.newBuilder().setLead(who));
    }

    /** @param note says how the PostgreSQL beside this peer is; may take a second. Without it there is none here */
    public void server(Supplier<Optional<ServerNote>> note) {
        survey.server(note);
    }

    /** What is left of a store whose majority may be gone; changes nothing. Takes six seconds at most. */
    public Recovery previewRecovery() {
        return survey.preview();
    }

    /**
     * Replaces a store that has lost its majority for good. Returns when the old one is given up; the new one comes into
     * being afterwards.
     *
     * @param survivors peer ids of those who answered when a person agreed; as {@code dead}, compared with what is found now
     * @param lossless the person agreed to no loss
     * @param waitMillis how long nobody may lead; at least what the preview says is waited
     */
    public Result recover(String group, Set<String> survivors, Set<String> dead, boolean lossless, long waitMillis) {
        return succession.recover(group, survivors, dead, lossless, waitMillis);
    }

    /** Everything that is committed by now. Takes five seconds at most. */
    public Saved save() {
        try {
            StoreState state = store.fresh(STORE_TIMEOUT);
            String group = marker.get().groupId().map(UUID::toString).orElse("");
            return new Saved(new SavedStore(settings.scope(), group, System.currentTimeMillis(), state).bytes(), "");
        } catch (DcsException e) {
            return new Saved(new byte[0], String.valueOf(e.getMessage()));
        }
    }

    /** What a saved file holds, in lines; changes nothing. */
    public Result inspect(byte[] file) {
        try {
            return new Result(true, String.join("\n", Restoration.describe(SavedStore.read(file), file.length)));
        } catch (SnapshotFormat.UnreadableSnapshot e) {
            return new Result(false, "the file " + e.getMessage());
        }
    }

    /** Brings back what may come back, see {@link Restoration}. Refused for another cluster's or database's file. */
    public Result restore(byte[] file) {
        Restoration.Plan plan;
        try {
            plan = Restoration.plan(SavedStore.read(file), settings.scope(), store.fresh(STORE_TIMEOUT));
        } catch (SnapshotFormat.UnreadableSnapshot e) {
            return new Result(false, "the file " + e.getMessage() + ". Nothing was changed");
        } catch (DcsException e) {
            return new Result(false, e.getMessage() + ". Nothing was changed");
        }
        if (plan.command().isEmpty()) {
            return new Result(!plan.refused(), plan.sentence());
        }
        try {
            Reply reply = store.submit(plan.command().get(), STORE_TIMEOUT);
            return reply.getApplied()
                    ? new Result(true, plan.sentence())
                    : new Result(false, "the store changed in the meantime; nothing was brought back, try again");
        } catch (DcsException e) {
            return Result.unknown(e.getMessage() + "; whether it was brought back shows in: matriarchctl show-config");
        }
    }

    private Result change(ChangeRequest.Builder request) {
        Proposals.Replica replica;
        try {
            replica = surroundings.replica();
        } catch (DcsException e) {
            // Nobody has been asked for anything yet.
            return new Result(false, e.getMessage());
        }
        ChangeReply reply = membership.carryOut(
                replica,
                request.setFormatVersion(Forming.FORMAT_VERSION)
                        .setScope(settings.scope())
                        .build());
        return new Result(reply.getDone(), reply.getMessage(), reply.getUnknown());
    }
}
