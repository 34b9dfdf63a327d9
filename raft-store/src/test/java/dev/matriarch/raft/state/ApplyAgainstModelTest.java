package dev.matriarch.raft.state;

import static dev.matriarch.raft.state.Commands.*;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.matriarch.proto.store.v1.Command;
import dev.matriarch.proto.store.v1.Operation;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/** Random commands on the real function and on the dullest model that could be right. */
class ApplyAgainstModelTest {
    private static final List<String> KEYS = List.of("leader", "status", "members/a", "members/b", "x");
    private static final List<String> LEASES = List.of("leader", "member/a");
    private static final List<String> HOLDERS = List.of("a", "b");

    private static final class Model {
        long revision;
        Map<String, String> values = new TreeMap<>();
        Map<String, Long> revisions = new HashMap<>();
        Map<String, String> attached = new HashMap<>();
        Map<String, String> holders = new TreeMap<>();
        Map<String, Long> epochs = new HashMap<>();
        Map<String, Long> renewals = new HashMap<>();

        Model copy() {
            Model c = new Model();
            c.revision = revision;
            c.values.putAll(values);
            c.revisions.putAll(revisions);
            c.attached.putAll(attached);
            c.holders.putAll(holders);
            c.epochs.putAll(epochs);
            c.renewals.putAll(renewals);
            return c;
        }

        boolean put(String key, String value, String lease) {
            if (!lease.isEmpty() && !holders.containsKey(lease)) {
                return false;
            }
            values.put(key, value);
            revisions.put(key, ++revision);
            attached.put(key, lease);
            return true;
        }

        void remove(String key) {
            if (values.remove(key) != null) {
                revision++;
                revisions.remove(key);
                attached.remove(key);
            }
        }

        void end(String lease) {
            revision++;
            holders.remove(lease);
            for (String key : List.copyOf(values.keySet())) {
                if (attached.get(key).equals(lease)) {
                    remove(key);
                }
            }
        }

        boolean mine(String lease, String holder, long epoch) {
            return holder.equals(holders.get(lease)) && epochs.get(lease) == epoch;
        }
    }

    private interface Step {
        boolean on(Model model);
    }

    private record Both(Operation operation, Step step) {}

    @Test
    void agreesWithTheModel() {
        for (long seed = 1; seed <= 200; seed++) {
            run(seed);
        }
    }

    private static void run(long seed) {
        Random random = new Random(seed);
        StoreState state = StoreState.EMPTY;
        Model model = new Model();
        for (int i = 0; i < 120; i++) {
            List<Both> operations = new ArrayList<>();
            for (int n = random.nextInt(3); n >= 0; n--) {
                operations.add(operation(random, model));
            }
            Model next = model.copy();
            boolean applied = operations.stream().allMatch(o -> o.step().on(next));
            Command command = command(operations.stream().map(Both::operation).toArray(Operation[]::new));
            Apply.Applied result = Apply.apply(state, command);
            String at = "seed " + seed + " step " + i + " " + command;
            assertEquals(applied, result.reply().getApplied(), at);
            if (applied) {
                model = next;
            }
            state = result.state();
            compare(model, state, at);
        }
    }

    private static void compare(Model model, StoreState state, String at) {
        assertEquals(model.revision, state.revision(), at);
        Map<String, String> values = new TreeMap<>();
        state.entries().forEach((k, e) -> values.put(k, e.value().toStringUtf8()));
        assertEquals(model.values, values, at);
        state.entries().forEach((k, e) -> {
            assertEquals(model.revisions.get(k), e.modRevision(), at);
            assertEquals(model.attached.get(k), e.lease(), at);
        });
        Map<String, String> holders = new TreeMap<>();
        state.leases().forEach((k, l) -> holders.put(k, l.holder()));
        assertEquals(model.holders, holders, at);
        state.leases().forEach((k, l) -> {
            assertEquals(model.epochs.get(k), l.epoch(), at);
            assertEquals(model.renewals.get(k), l.renewal(), at);
        });
        try {
            assertEquals(state, SnapshotFormat.read(SnapshotFormat.write(state)), at);
        } catch (SnapshotFormat.UnreadableSnapshot e) {
            throw new AssertionError(at, e);
        }
    }

    private static Both operation(Random random, Model model) {
        String key = KEYS.get(random.nextInt(KEYS.size()));
        String lease = LEASES.get(random.nextInt(LEASES.size()));
        String holder = HOLDERS.get(random.nextInt(HOLDERS.size()));
        String value = "v" + random.nextInt(100);
        long revision = random.nextBoolean() ? model.revisions.getOrDefault(key, 3L) : random.nextInt(20);
        long epoch = random.nextInt(4) > 0 ? model.epochs.getOrDefault(lease, 1L) : random.nextInt(20);
        long renewal = random.nextBoolean() ? model.renewals.getOrDefault(lease, 1L) : random.nextInt(4);
        return switch (random.nextInt(12)) {
            case 0 -> new Both(put(key, value), m -> m.put(key, value, ""));
            case 1 -> new Both(put(key, value, lease), m -> m.put(key, value, lease));
            case 2 -> new Both(putIf(key, value, absent()), m -> !m.values.containsKey(key) && m.put(key, value, ""));
            case 3 ->
                new Both(
                        putIf(key, value, revision(revision)),
                        m -> m.revisions.getOrDefault(key, -1L) == revision && m.put(key, value, ""));
            case 4 ->
                new Both(delete(key), m -> {
                    m.remove(key);
                    return true;
                });
            case 5 ->
                new Both(deletePrefix("members/"), m -> {
                    m.remove("members/a");
                    m.remove("members/b");
                    return true;
                });
            case 6, 7 ->
                new Both(grant(lease, holder, 5), m -> {
                    if (!m.holders.containsKey(lease)) {
                        m.holders.put(lease, holder);
                        m.epochs.put(lease, ++m.revision);
                        m.renewals.put(lease, 1L);
                        return true;
                    }
                    m.renewals.merge(lease, m.holders.get(lease).equals(holder) ? 1L : 0L, Long::sum);
                    return m.holders.get(lease).equals(holder);
                });
            case 8 ->
                new Both(renew(lease, holder, epoch, 5), m -> {
                    boolean mine = m.mine(lease, holder, epoch);
                    m.renewals.merge(lease, mine ? 1L : 0L, Long::sum);
                    return mine;
                });
            case 9 ->
                new Both(release(lease, holder, epoch), m -> {
                    if (!m.mine(lease, holder, epoch)) {
                        return false;
                    }
                    m.end(lease);
                    return true;
                });
            case 10 ->
                new Both(
                        require(lease, holder, epoch, renewal),
                        m -> m.mine(lease, holder, epoch) && m.renewals.get(lease) == renewal);
            default ->
                new Both(expire(lease, epoch, renewal), m -> {
                    if (!m.holders.containsKey(lease)
                            || m.epochs.get(lease) != epoch
                            || m.renewals.get(lease) != renewal) {
                        return false;
                    }
                    m.end(lease);
                    return true;
                });
        };
    }
}
