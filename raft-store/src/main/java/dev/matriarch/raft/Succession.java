package dev.matriarch.raft;

import dev.matriarch.proto.store.v1.GivenUp;
import dev.matriarch.proto.store.v1.ReformPlan;
import dev.matriarch.proto.store.v1.ReformReply;
import dev.matriarch.proto.store.v1.ReformRequest;
import java.io.IOException;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.apache.ratis.thirdparty.io.grpc.StatusRuntimeException;

/**
 * A store in place of one that lost its majority for good: what a person has agreed to is compared with what is found, and
 * the survivor with the newest copy writes the plan, which {@link Refounding} carries out. Any thread.
 */
final class Succession {
    private static final Duration REFORM_TIMEOUT = Duration.ofSeconds(20);
    /** Longer than a preview takes; a process that was stopped in between looks again. */
    private static final Duration PREVIEW_HOLDS = Duration.ofSeconds(30);

    private final RaftStoreSettings settings;
    private final PeerRpc rpc;
    private final Supplier<ReplicaHost> host;
    private final Survey survey;
    private final Supersession supersession;
    private final ReentrantLock one = new ReentrantLock();

    Succession(
            RaftStoreSettings settings,
            PeerRpc rpc,
            Supplier<ReplicaHost> host,
            Survey survey,
            Supersession supersession) {
        this.settings = settings;
        this.rpc = rpc;
        this.host = host;
        this.survey = survey;
        this.supersession = supersession;
    }

    /**
     * Gives the old store up, if what is found is what a person has agreed to. Takes half a minute at most; the new store
     * comes into being afterwards.
     */
    StoreGroup.Result recover(String group, Set<String> survivors, Set<String> dead, boolean lossless, long wait) {
        Recovery found = survey.preview();
        Optional<String> no = differs(found, group, survivors, dead);
        if (no.isPresent()) {
            return new StoreGroup.Result(false, no.get());
        }
        if (lossless && !found.lossless()) {
            return new StoreGroup.Result(
                    false, "more may be lost than was agreed to; nothing was changed. Look at the preview again");
        }
        ReformRequest request = ReformRequest.newBuilder()
                .setFormatVersion(Forming.FORMAT_VERSION)
                .setScope(settings.scope())
                .setGroupId(group)
                .addAllSurvivors(survivors)
                .addAllDead(dead)
                .addAllSafe(found.safe())
                .setWaitMillis(Math.max(wait, found.waitMillis()))
                .build();
        Recovery.Survivor founder = found.founder().orElseThrow();
        ReformReply reply;
        try {
            reply = founder.address().equals(settings.selfAddress())
                    ? reform(request)
                    : rpc.reform(founder.address(), request, REFORM_TIMEOUT);
        } catch (StatusRuntimeException | StoreStartException e) {
            return StoreGroup.Result.unknown(
                    founder.name() + " did not answer; whether it has begun shows in: matriarchctl raft list-peers");
        }
        return new StoreGroup.Result(reply.getDone(), reply.getMessage());
    }

    /** What a person has agreed to is not what there is: why; empty: it is. */
    static Optional<String> differs(Recovery found, String group, Set<String> survivors, Set<String> dead) {
        if (found.refused()) {
            return Optional.of(String.join("; ", found.refusals()));
        }
        Set<String> now =
                found.survivors().stream().map(Recovery.Survivor::peerId).collect(Collectors.toSet());
        Set<String> gone = found.dead().stream().map(Recovery.Dead::peerId).collect(Collectors.toSet());
        return found.groupId().equals(group) && now.equals(survivors) && gone.equals(dead)
                ? Optional.empty()
                : Optional.of("others answer now than in the preview (" + String.join(", ", new TreeSet<>(now))
                        + "); nothing was changed. Look at the preview again");
    }

    /** On the survivor whose copy is the newest. */
    ReformReply reform(ReformRequest request) {
        if (!request.getScope().equals(settings.scope())) {
            return refused("this store belongs to the cluster \"" + settings.scope() + "\"");
        }
        if (!one.tryLock()) {
            return refused("it is under way already");
        }
        try {
            long begun = System.nanoTime();
            Recovery found = survey.preview();
            Optional<String> no = differs(
                    found,
                    request.getGroupId(),
                    Set.copyOf(request.getSurvivorsList()),
                    Set.copyOf(request.getDeadList()));
            PeerMarker me = host.get().marker();
            if (no.isPresent()) {
                return refused(no.get());
            }
            if (!found.founder().orElseThrow().peerId().equals(me.peerId())
                    || !found.safe().equals(request.getSafeList())) {
                return refused("the survivors have changed in the meantime; nothing was changed. Try again");
            }
            Proposals.Replica replica =
                    host.get().replica().orElseThrow(() -> new IOException("its own peer has just stopped"));
            long wait = Math.max(request.getWaitMillis(), found.waitMillis());
            ReformPlan plan = plan(me, found, replica, wait);
            if (System.nanoTime() - begun > PREVIEW_HOLDS.toNanos()) {
                return refused("this peer was held up after it had looked; nothing was changed. Try again");
            }
            Reforming.save(settings.dataDir(), plan);
            supersession.reform(plan);
            return ReformReply.newBuilder()
                    .setDone(true)
                    .setMessage(me.name() + " forms the store " + plan.getGroupId() + " in place of "
                            + plan.getGivenUp() + ". Nobody may lead for " + (wait + 999) / 1000
                            + " s: until then a lease of the old leader has ended")
                    .build();
        } catch (IOException | RuntimeException e) {
            return refused("the new store could not be begun: " + e);
        } finally {
            one.unlock();
        }
    }

    private ReformPlan plan(PeerMarker me, Recovery found, Proposals.Replica replica, long wait) throws IOException {
        PeerMarker fresh = PeerMarker.fresh(settings);
        GivenUp old = GivenUp.newBuilder()
                .setGroupId(found.groupId())
                .setSuccessor(UUID.randomUUID().toString())
                .addAllMembers(Admission.members(replica.division()))
                .build();
        return ReformPlan.newBuilder()
                .setGivenUp(old.getGroupId())
                .setGroupId(old.getSuccessor())
                .setMe(fresh.identity())
                .addAllMembers(old.getMembersList())
                .addAllAdmit(found.survivors().stream()
                        .filter(s -> !s.peerId().equals(me.peerId()))
                        .map(Recovery.Survivor::address)
                        .toList())
                .setWaitMillis(wait)
                .setSeed(Reforming.seed(
                                LastKnown.of(replica).state(),
                                old,
                                found.survivors().stream()
                                        .filter(s -> s.server().isPresent())
                                        .map(Recovery.Survivor::name)
                                        .toList(),
                                found.mayLead(),
                                System.currentTimeMillis())
                        .toByteString())
                .build();
    }

    private static ReformReply refused(String why) {
        return ReformReply.newBuilder().setMessage(why).build();
    }
}
