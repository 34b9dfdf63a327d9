package dev.matriarch.raft;

import com.google.protobuf.ByteString;
import dev.matriarch.dcs.json.ClusterKeys;
import dev.matriarch.proto.store.v1.Command;
import dev.matriarch.proto.store.v1.Expectation;
import dev.matriarch.proto.store.v1.Operation;
import dev.matriarch.proto.store.v1.Put;
import dev.matriarch.raft.state.Apply;
import dev.matriarch.raft.state.SavedStore;
import dev.matriarch.raft.state.StoreState;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * What of a saved store may be brought back: the cluster-wide configuration and the history of timelines. Who leads, who
 * is synchronous and what was ordered belong to their moment: brought back, they could let a member lead that lacks
 * commits. So could the system identifier: a store that has one and no list of synchronous standbys says that anybody
 * may lead. Whoever leads writes it. Pure.
 */
final class Restoration {
    /**
     * @param command absent: refused, or there is nothing to do
     * @param sentence what will have happened, or why not
     */
    record Plan(Optional<Command> command, boolean refused, String sentence) {}

    private Restoration() {}

    static Plan plan(SavedStore saved, String scope, StoreState now) {
        if (!saved.scope().equals(scope)) {
            return refused("the file was saved from the cluster \"" + saved.scope() + "\", this is \"" + scope
                    + "\". Nothing was changed");
        }
        Optional<String> then = value(saved.state(), ClusterKeys.INITIALIZE);
        Optional<String> here = value(now, ClusterKeys.INITIALIZE);
        if (then.isPresent() && here.isPresent() && !then.get().equals(here.get())) {
            return refused("the file was saved from another database (system identifier " + then.get()
                    + ") than the one that" + " this cluster runs (" + here.get() + "). Nothing was changed");
        }
        Command.Builder command = Command.newBuilder().setFormatVersion(Apply.FORMAT_VERSION);
        List<String> done = new ArrayList<>();
        Optional<String> config = value(saved.state(), ClusterKeys.CONFIG);
        if (config.isPresent() && !config.equals(value(now, ClusterKeys.CONFIG))) {
            command.addOperations(put(ClusterKeys.CONFIG, config.get(), now));
            done.add("the cluster-wide configuration");
        }
        Optional<String> history = value(saved.state(), ClusterKeys.HISTORY);
        if (history.isPresent() && now.entry(ClusterKeys.HISTORY).isEmpty()) {
            command.addOperations(put(ClusterKeys.HISTORY, history.get(), now));
            done.add("the history of timelines");
        }
        return done.isEmpty()
                ? new Plan(Optional.empty(), false, "the store holds all of it already; nothing was changed")
                : new Plan(Optional.of(command.build()), false, "brought back: " + String.join(", ", done));
    }

    /** For people, a line each. */
    static List<String> describe(SavedStore saved, int bytes) {
        StoreState state = saved.state();
        List<String> lines = new ArrayList<>(List.of(
                "Cluster: " + saved.scope(),
                "Saved at: " + Instant.ofEpochMilli(saved.savedAtMillis()),
                "Group: " + saved.groupId(),
                "Revision: " + state.revision(),
                "Size: " + bytes + " bytes"));
        value(state, ClusterKeys.INITIALIZE).ifPresent(id -> lines.add("System identifier: " + id));
        value(state, ClusterKeys.LEADER).ifPresent(leader -> lines.add("Leader at that time: " + leader));
        state.entries()
                .forEach((key, entry) ->
                        lines.add("Key: " + key + " (" + entry.value().size() + " bytes)"));
        return lines;
    }

    private static Optional<String> value(StoreState state, String key) {
        return state.entry(key).map(e -> e.value().toStringUtf8());
    }

    /** Only if the key is as it was looked at. */
    private static Operation put(String key, String value, StoreState now) {
        Expectation seen = now.entry(key)
                .map(e -> Expectation.newBuilder().setRevision(e.modRevision()))
                .orElseGet(() -> Expectation.newBuilder().setAbsent(true))
                .build();
        return Operation.newBuilder()
                .setPut(Put.newBuilder()
                        .setKey(key)
                        .setValue(ByteString.copyFromUtf8(value))
                        .setExpect(seen))
                .build();
    }

    private static Plan refused(String why) {
        return new Plan(Optional.empty(), true, why);
    }
}
