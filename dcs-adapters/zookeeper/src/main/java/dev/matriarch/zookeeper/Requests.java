package dev.matriarch.zookeeper;

import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.http.Budget;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.KeeperException.Code;
import org.apache.zookeeper.Op;
import org.apache.zookeeper.OpResult;
import org.apache.zookeeper.ZooKeeper;

/** What is asked over one connection. Requests are answered in the order in which they are sent. */
final class Requests {
    private final ZooKeeper zk;
    private final Entrance entrance;

    Requests(ZooKeeper zk, Entrance entrance) {
        this.zk = zk;
        this.entrance = entrance;
    }

    /** The server that is asked takes up everything that was decided before; reads after this show it. */
    CompletableFuture<Void> sync(String path) {
        CompletableFuture<Void> done = new CompletableFuture<>();
        zk.sync(path, (rc, p, ctx) -> finish(done, rc, p, null), null);
        return done;
    }

    /**
     * As {@link #sync}, but also certain that a majority was there: a server that leads no more without knowing it answers no
     * such thing. What ZooKeeper does for {@code sync} is not decided by a majority (ZOOKEEPER-1675).
     */
    CompletableFuture<Void> barrier() {
        CompletableFuture<Void> done = new CompletableFuture<>();
        zk.multi(
                List.of(Op.check("/", -1)),
                // A refusal has been agreed upon by the majority, too.
                (rc, p, ctx, opResults) -> finish(done, rc == Code.NOAUTH.intValue() ? 0 : rc, "/", null),
                null);
        return done;
    }

    /** Nobody needs a right for this. */
    CompletableFuture<Boolean> exists(String path) {
        CompletableFuture<Boolean> there = new CompletableFuture<>();
        zk.exists(
                path,
                false,
                (rc, p, ctx, stat) -> finish(there, rc == Code.NONODE.intValue() ? 0 : rc, p, rc == 0),
                null);
        return there;
    }

    CompletableFuture<Optional<Node>> get(String path) {
        CompletableFuture<Optional<Node>> node = new CompletableFuture<>();
        zk.getData(
                path,
                false,
                (rc, p, ctx, data, stat) -> {
                    boolean missing = rc == Code.NONODE.intValue();
                    finish(
                            node,
                            missing ? 0 : rc,
                            p,
                            rc == 0 ? Optional.of(Node.of(data, stat)) : Optional.<Node>empty());
                },
                null);
        return node;
    }

    /** @return empty if there is no such key */
    CompletableFuture<List<String>> children(String path) {
        CompletableFuture<List<String>> names = new CompletableFuture<>();
        zk.getChildren(
                path,
                false,
                (int rc, String p, Object ctx, List<String> children) ->
                        finish(names, rc == Code.NONODE.intValue() ? 0 : rc, p, rc == 0 ? children : List.of()),
                null);
        return names;
    }

    /** All of it or nothing, through the majority. */
    CompletableFuture<List<OpResult>> multi(List<Op> steps) {
        CompletableFuture<List<OpResult>> results = new CompletableFuture<>();
        zk.multi(
                steps,
                (rc, p, ctx, opResults) -> {
                    if (rc == Code.NOAUTH.intValue()) {
                        results.completeExceptionally(Denied.step(steps, opResults, entrance.identity()));
                    } else {
                        finish(results, rc, p, opResults);
                    }
                },
                null);
        return results;
    }

    private <T> void finish(CompletableFuture<T> future, int rc, String path, T value) {
        if (rc == 0) {
            future.complete(value);
        } else if (rc == Code.NOAUTH.intValue()) {
            future.completeExceptionally(Denied.reading(path, entrance.identity()));
        } else if (rc == Code.AUTHFAILED.intValue()) {
            future.completeExceptionally(new Rejected(entrance.identity()));
        } else {
            future.completeExceptionally(KeeperException.create(Code.get(rc), path));
        }
    }

    /**
     * @throws KeeperException what ZooKeeper says, that the connection broke, or that there is no answer in time
     */
    static <T> T await(CompletableFuture<T> answer, Budget budget) throws KeeperException, DcsException {
        try {
            return answer.get(budget.left().toMillis(), TimeUnit.MILLISECONDS);
        } catch (ExecutionException e) {
            if (e.getCause() instanceof KeeperException refused) {
                throw refused;
            }
            throw new DcsException("ZooKeeper could not be asked: " + e.getCause(), e);
        } catch (TimeoutException e) {
            throw KeeperException.create(Code.OPERATIONTIMEOUT);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new DcsException("interrupted while asking ZooKeeper", e);
        }
    }

    /** True if nothing is known of what was asked: no answer came, the connection broke, or its session did. */
    static boolean isUnknown(KeeperException e) {
        return switch (e.code()) {
            case CONNECTIONLOSS, OPERATIONTIMEOUT, SESSIONEXPIRED, SESSIONMOVED, REQUESTTIMEOUT -> true;
            default -> false;
        };
    }

    /** True if a condition did not hold: nothing was done. */
    static boolean isConflict(KeeperException e) {
        return switch (e.code()) {
            case BADVERSION, NODEEXISTS, NONODE, NOTEMPTY -> true;
            default -> false;
        };
    }

    /** Credentials that a server takes from nobody. One that it takes and that gives no right is {@link Denied}. */
    private static final class Rejected extends KeeperException.AuthFailedException {
        private static final long serialVersionUID = 1;
        private final String identity;

        Rejected(String identity) {
            this.identity = identity;
        }

        @Override
        public String getMessage() {
            return "ZooKeeper does not accept this member's credentials (" + identity
                    + "): correct auth_data, or let ZooKeeper's servers know its schemes and users";
        }
    }

    static DcsException refused(KeeperException e) {
        return new DcsException(
                switch (e.code()) {
                    case NOAUTH, AUTHFAILED -> e.getMessage();
                    case INVALIDACL ->
                        "ZooKeeper takes no ACL such as set_acls gives: its servers know no scheme or user of that name";
                    case OPERATIONTIMEOUT -> "ZooKeeper did not answer in time";
                    case CONNECTIONLOSS -> "the connection to ZooKeeper broke";
                    default -> "ZooKeeper refused: " + e.getMessage();
                },
                e);
    }
}
