package dev.matriarch.raft;

import java.io.IOException;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.LockSupport;
import org.apache.ratis.protocol.ClientId;
import org.apache.ratis.protocol.RaftClientReply;
import org.apache.ratis.protocol.RaftPeerId;
import org.apache.ratis.protocol.SetConfigurationRequest;
import org.apache.ratis.protocol.TransferLeadershipRequest;
import org.apache.ratis.protocol.exceptions.LeaderNotReadyException;
import org.apache.ratis.protocol.exceptions.ReconfigurationInProgressException;
import org.apache.ratis.protocol.exceptions.SetConfigurationException;
import org.apache.ratis.protocol.exceptions.TransferLeadershipException;
import org.apache.ratis.rpc.CallId;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One change of the group on the Raft leader. Ratis copies log and snapshot to a new peer first and gives it a vote only when
 * it has them; it takes one change at a time, and only against the peers that the caller has seen.
 */
final class GroupChange {
    private static final Logger LOG = LoggerFactory.getLogger(GroupChange.class);
    private static final Duration STEP_DOWN_TIMEOUT = Duration.ofSeconds(3);
    private static final Duration CHANGE_TIMEOUT = Duration.ofSeconds(12);
    private static final Duration HEARD_WITHIN = Duration.ofSeconds(1);

    /** A new Raft leader is ready after its first entry, and finishes the change of the one before it first. */
    private static final Duration NOT_READY_TIMEOUT = Duration.ofSeconds(3);

    private static final long NOT_READY_PAUSE_MILLIS = 50;

    /**
     * Why a change did not happen.
     *
     * @param unknown it may have happened all the same, or may still happen
     */
    record Failure(String why, boolean unknown) {}

    private final StuckChange stuck = new StuckChange();

    /**
     * Blocks until the change is committed.
     *
     * @param whose address of the peer it is about, for the log
     * @return why it did not happen (yet); empty: it is done
     */
    Optional<Failure> set(Proposals.Replica replica, GroupMembers now, GroupMembers next, String whose) {
        SetConfigurationRequest change = new SetConfigurationRequest(
                ClientId.randomId(),
                replica.server().getId(),
                replica.division().getMemberId().getGroupId(),
                CallId.getAndIncrement(),
                SetConfigurationRequest.Arguments.newBuilder()
                        .setMode(SetConfigurationRequest.Mode.COMPARE_AND_SET)
                        .setServersInCurrentConf(now.voters())
                        .setListenersInCurrentConf(now.listeners())
                        .setServersInNewConf(next.voters())
                        .setListenersInNewConf(next.listeners())
                        .build());
        long asked = System.nanoTime();
        String failure = "";
        boolean unknown = true;
        try {
            while (true) {
                Exception problem;
                try {
                    RaftClientReply reply = replica.server()
                            .setConfigurationAsync(change)
                            .get(CHANGE_TIMEOUT.toMillis(), TimeUnit.MILLISECONDS);
                    if (reply.isSuccess()) {
                        succeeded();
                        if (next.listensSince(now)) {
                            anotherTerm(replica);
                        }
                        return Optional.empty();
                    }
                    problem = reply.getException();
                } catch (IOException e) {
                    problem = e;
                } catch (ExecutionException e) {
                    problem = e.getCause() instanceof Exception cause ? cause : e;
                }
                failure = "the change of membership failed: " + problem.getMessage();
                boolean soon = problem instanceof LeaderNotReadyException
                        || problem instanceof ReconfigurationInProgressException;
                // Of these Ratis has not begun with it; a leader that loses its place may have.
                unknown = !soon && !(problem instanceof SetConfigurationException);
                if (!soon || System.nanoTime() - asked > NOT_READY_TIMEOUT.toNanos()) {
                    break;
                }
                Thread.sleep(NOT_READY_PAUSE_MILLIS);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return Optional.of(new Failure("the store is closing", true));
        } catch (TimeoutException e) {
            unknown = true;
            failure = "the change of membership takes longer than " + CHANGE_TIMEOUT.toSeconds()
                    + " s; whether it happens after all shows in: matriarchctl raft list-peers";
        }
        if (isStuck(asked)) {
            LOG.warn(
                    "The store's membership could not be changed for a while because of the peer at {} ({}). This peer steps down"
                            + " as Raft leader, as that ends a change that is stuck; the lease of the primary is not affected",
                    whose,
                    failure);
            lead(replica, null);
        }
        return Optional.of(new Failure(failure, unknown));
    }

    /**
     * The Raft leader that has copied everything to a listener goes on for the rest of its term as if it were still copying
     * (RATIS 3.3.0 looks for it among the voters only): it would refuse every further peer while that listener is away, and send the
     * listener nothing more once it gave up on another newcomer. The leader of the next term knows it as what it is.
     */
    private static void anotherTerm(Proposals.Replica replica) {
        Optional<RaftPeerId> heir = Heir.of(replica.division(), HEARD_WITHIN);
        if (heir.isEmpty() || lead(replica, heir.get()).isPresent()) {
            lead(replica, null);
        }
    }

    private synchronized void succeeded() {
        stuck.succeeded();
    }

    private synchronized boolean isStuck(long asked) {
        return stuck.failed(asked, System.nanoTime());
    }

    /**
     * Hands Raft leadership over.
     *
     * @param heir null: to anybody
     * @return why not; empty: done
     */
    static Optional<Failure> lead(Proposals.Replica replica, RaftPeerId heir) {
        long asked = System.nanoTime();
        String failure = "";
        boolean unknown;
        boolean soon;
        do {
            // A try that failed is remembered under its call id: each gets its own.
            TransferLeadershipRequest transfer = new TransferLeadershipRequest(
                    ClientId.randomId(),
                    replica.server().getId(),
                    replica.division().getMemberId().getGroupId(),
                    CallId.getAndIncrement(),
                    heir,
                    STEP_DOWN_TIMEOUT.toMillis());
            Throwable problem;
            try {
                RaftClientReply reply = replica.server()
                        .transferLeadershipAsync(transfer)
                        .get(STEP_DOWN_TIMEOUT.toMillis() + 500, TimeUnit.MILLISECONDS);
                if (reply.isSuccess()) {
                    return Optional.empty();
                }
                problem = reply.getException();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return Optional.of(new Failure("the store is closing", true));
            } catch (IOException | TimeoutException e) {
                problem = e;
            } catch (ExecutionException e) {
                problem = e.getCause();
            }
            failure = String.valueOf(problem);
            unknown = problem instanceof TimeoutException || problem instanceof TransferLeadershipException;
            soon = problem instanceof LeaderNotReadyException
                    && System.nanoTime() - asked < NOT_READY_TIMEOUT.toNanos();
            if (soon) {
                LockSupport.parkNanos(NOT_READY_PAUSE_MILLIS * 1_000_000);
            }
        } while (soon);
        LOG.warn("This peer could not hand over Raft leadership: {}", failure);
        return Optional.of(new Failure(failure, unknown));
    }
}
