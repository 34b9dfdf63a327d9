package dev.matriarch.zookeeper;

import static dev.matriarch.zookeeper.Requests.await;

import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.Member;
import dev.matriarch.dcs.http.Budget;
import dev.matriarch.dcs.json.ClusterJson;
import dev.matriarch.dcs.json.ClusterKeys;
import dev.matriarch.zookeeper.Leases.Attached;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.Op;

/** The records that members publish: each lives in a session of its own, and only as long as that. Any thread; one at a time. */
final class MemberRecords {
    private static final int MOST_ROUNDS = 8;

    private record Touched(String json, Leases.Lease lease, long atNanos) {}

    private final Connections connections;
    private final Leases leases;
    private final Keys keys;
    private final Map<String, Touched> touched = new HashMap<>();

    MemberRecords(Connections connections, Leases leases, Keys keys) {
        this.connections = connections;
        this.leases = leases;
        this.keys = keys;
    }

    /** What was published is gone. */
    void forget() {
        synchronized (touched) {
            touched.clear();
        }
    }

    /**
     * Publishes a member's record; skipped if equal and still fresh.
     *
     * @param shown the record as it was read last
     */
    void touch(Member member, Duration ttl, Optional<String> shown, Budget budget) throws DcsException {
        String json = ClusterJson.writeMember(member);
        synchronized (touched) {
            Touched last = touched.get(member.name());
            if (last != null
                    && last.json().equals(json)
                    && last.lease().ttl().equals(ttl)
                    && shown.equals(Optional.of(json))
                    && System.nanoTime() - last.atNanos() < ttl.toNanos() / 3) {
                return;
            }
            for (int round = 0; round < MOST_ROUNDS; round++) {
                if (touchOnce(member.name(), json, ttl, budget)) {
                    return;
                }
            }
            throw new DcsException("the member's record in ZooKeeper changes faster than it can be written");
        }
    }

    private boolean touchOnce(String name, String json, Duration ttl, Budget budget) throws DcsException {
        Touched last = touched.get(name);
        long now = System.nanoTime();
        Optional<Attached> same =
                last != null && last.lease().ttl().equals(ttl) ? leases.renew(last.lease(), budget) : Optional.empty();
        try (Attached attached = same.isPresent() ? same.get() : leases.begin(ttl, Leases.Grant.ANY, budget)) {
            Touched mine = new Touched(json, attached.lease(), now);
            touched.put(name, mine);
            return attached.ask((requests, b) -> {
                touch(requests, ClusterKeys.member(name), mine, b);
                return true;
            });
        } catch (KeeperException e) {
            if (e.code() == KeeperException.Code.NONODE) {
                keys.makeParents(connections, budget);
            } else if (Requests.isUnknown(e) && !budget.isSpent()) {
                Connections.pause();
            } else if (!Requests.isConflict(e)) {
                throw Requests.refused(e);
            }
            return false;
        }
    }

    private void touch(Requests requests, String key, Touched mine, Budget budget)
            throws KeeperException, DcsException {
        String path = keys.of(key);
        requests.sync(path);
        Optional<Node> there = await(requests.get(path), budget);
        List<Op> steps = new ArrayList<>();
        if (there.isPresent() && there.get().owner() == mine.lease().id()) {
            if (there.get().value().equals(mine.json())) {
                return;
            }
            steps.add(
                    Op.setData(path, Connections.bytes(mine.json()), there.get().version()));
        } else {
            // An earlier session of this member has it, or somebody put it there.
            there.ifPresent(node -> steps.add(Op.delete(path, node.version())));
            steps.add(keys.createEphemeral(key, mine.json()));
        }
        await(requests.multi(steps), budget);
    }
}
