package dev.matriarch.dcs.json;

import dev.matriarch.dcs.Change;
import dev.matriarch.dcs.ClusterStatus;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.FailoverRequest;
import dev.matriarch.dcs.Leader;
import dev.matriarch.dcs.Lsn;
import dev.matriarch.dcs.Member;
import dev.matriarch.dcs.Versioned;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;

/** The names of a cluster's keys, below whatever prefix a store gives them, and the view that they add up to. */
public final class ClusterKeys {
    public static final String INITIALIZE = "initialize";
    public static final String CONFIG = "config";
    public static final String LEADER = "leader";
    public static final String MEMBERS_PREFIX = "members/";
    public static final String STATUS = "status";
    public static final String FAILOVER = "failover";
    public static final String HISTORY = "history";
    public static final String SYNC = "sync";
    public static final String FAILSAFE = "failsafe";

    /** Where leaders below Patroni 2.1 publish their position. */
    public static final String LEGACY_OPTIME = "optime/leader";

    private ClusterKeys() {}

    /** A stored value with the store's modification revision of it. */
    public record Stored(String value, long revision) {
        public static Stored of(byte[] utf8, long revision) {
            return new Stored(new String(utf8, StandardCharsets.UTF_8), revision);
        }
    }

    public static String member(String name) {
        return MEMBERS_PREFIX + name;
    }

    /** Which part of the view a key belongs to; empty for a key that is none of ours. */
    public static Optional<Change> changeOf(String key) {
        if (key.startsWith(MEMBERS_PREFIX)) {
            return Optional.of(Change.MEMBERS);
        }
        return switch (key) {
            case LEADER -> Optional.of(Change.LEADER);
            case CONFIG -> Optional.of(Change.CONFIG);
            case INITIALIZE -> Optional.of(Change.INITIALIZE);
            case FAILOVER -> Optional.of(Change.FAILOVER);
            case SYNC -> Optional.of(Change.SYNC);
            case STATUS, LEGACY_OPTIME -> Optional.of(Change.STATUS);
            case HISTORY -> Optional.of(Change.HISTORY);
            case FAILSAFE -> Optional.of(Change.FAILSAFE);
            default -> Optional.empty();
        };
    }

    /** Where a view's values come from: a store that keeps what it has read need not read it again. */
    public interface Values {
        /**
         * A key's value as the reader understands it; empty without the key.
         *
         * @param reader the same for each call with this key
         */
        <T> Optional<T> value(String key, Function<Stored, T> reader);
    }

    /**
     * The view of a cluster.
     *
     * @param revision the store's revision of the whole
     * @param keys key (without prefix) to what is stored; keys that are none of ours are passed over
     * @param leaderEpoch the epoch of the leader lock; looked at only if the key {@code leader} exists
     */
    public static ClusterView view(long revision, Map<String, Stored> keys, long leaderEpoch) {
        return view(
                revision,
                keys.keySet(),
                new Values() {
                    @Override
                    public <T> Optional<T> value(String key, Function<Stored, T> reader) {
                        return Optional.ofNullable(keys.get(key)).map(reader);
                    }
                },
                leaderEpoch);
    }

    /** As {@link #view(long, Map, long)}, with the names of all keys and, apart from them, their values. */
    public static ClusterView view(long revision, Collection<String> keys, Values values, long leaderEpoch) {
        List<Member> members = new ArrayList<>();
        for (String key : keys) {
            if (key.startsWith(MEMBERS_PREFIX) && key.length() > MEMBERS_PREFIX.length()) {
                values.value(key, s -> ClusterJson.readMember(key.substring(MEMBERS_PREFIX.length()), s.value()))
                        .ifPresent(members::add);
            }
        }
        members.sort(Comparator.comparing(Member::name));
        return new ClusterView(
                revision,
                values.value(INITIALIZE, ClusterKeys::text),
                values.value(CONFIG, ClusterKeys::text),
                values.value(LEADER, ClusterKeys::text)
                        .filter(l -> !l.value().isEmpty())
                        .map(l -> new Leader(l.value(), leaderEpoch)),
                members,
                status(values),
                values.value(FAILOVER, s -> new Versioned<>(ClusterJson.readFailover(s.value()), s.revision())),
                values.value(HISTORY, s -> ClusterJson.readHistory(s.value())).flatMap(Function.identity()),
                values.value(
                                SYNC,
                                s -> ClusterJson.readSync(s.value()).map(sync -> new Versioned<>(sync, s.revision())))
                        .flatMap(Function.identity()),
                values.value(FAILSAFE, s -> ClusterJson.readFailsafe(s.value())).orElse(Map.of()));
    }

    /** True if a stored failover value asks for something: {@code {}} is how it is cleared. */
    public static boolean isPresent(FailoverRequest request) {
        return request.asksForSomething();
    }

    private static Versioned<String> text(Stored stored) {
        return new Versioned<>(stored.value(), stored.revision());
    }

    private static ClusterStatus status(Values values) {
        ClusterStatus status =
                values.value(STATUS, s -> ClusterJson.readStatus(s.value())).orElse(ClusterStatus.NONE);
        if (!status.optime().equals(Lsn.INVALID)) {
            return status;
        }
        return values.value(LEGACY_OPTIME, s -> ClusterJson.readStatus(s.value()))
                .map(legacy -> new ClusterStatus(legacy.optime(), status.slots(), status.retainSlots(), status.claim()))
                .orElse(status);
    }
}
