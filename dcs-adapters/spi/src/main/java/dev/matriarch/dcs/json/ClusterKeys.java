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
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;

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

    /**
     * The view of a cluster.
     *
     * @param revision the store's revision of the whole
     * @param keys key (without prefix) to what is stored; keys that are none of ours are passed over
     * @param leaderEpoch the epoch of the leader lock; looked at only if the key {@code leader} exists
     */
    public static ClusterView view(long revision, Map<String, Stored> keys, long leaderEpoch) {
        List<Member> members = new ArrayList<>();
        keys.forEach((key, stored) -> {
            if (key.startsWith(MEMBERS_PREFIX) && key.length() > MEMBERS_PREFIX.length()) {
                members.add(ClusterJson.readMember(key.substring(MEMBERS_PREFIX.length()), stored.value()));
            }
        });
        members.sort(Comparator.comparing(Member::name));
        return new ClusterView(
                revision,
                text(keys, INITIALIZE),
                text(keys, CONFIG),
                text(keys, LEADER).filter(l -> !l.value().isEmpty()).map(l -> new Leader(l.value(), leaderEpoch)),
                members,
                status(keys),
                text(keys, FAILOVER).map(v -> new Versioned<>(ClusterJson.readFailover(v.value()), v.revision())),
                text(keys, HISTORY).flatMap(v -> ClusterJson.readHistory(v.value())),
                text(keys, SYNC)
                        .flatMap(v -> ClusterJson.readSync(v.value()).map(sync -> new Versioned<>(sync, v.revision()))),
                text(keys, FAILSAFE)
                        .map(v -> ClusterJson.readFailsafe(v.value()))
                        .orElse(Map.of()));
    }

    /** True if a stored failover value asks for something: {@code {}} is how it is cleared. */
    public static boolean isPresent(FailoverRequest request) {
        return request.asksForSomething();
    }

    private static Optional<Versioned<String>> text(Map<String, Stored> keys, String key) {
        return Optional.ofNullable(keys.get(key)).map(s -> new Versioned<>(s.value(), s.revision()));
    }

    private static ClusterStatus status(Map<String, Stored> keys) {
        ClusterStatus status =
                text(keys, STATUS).map(v -> ClusterJson.readStatus(v.value())).orElse(ClusterStatus.NONE);
        if (status.optime().equals(Lsn.INVALID) && keys.containsKey(LEGACY_OPTIME)) {
            Lsn legacy = ClusterJson.readStatus(keys.get(LEGACY_OPTIME).value()).optime();
            return new ClusterStatus(legacy, status.slots(), status.retainSlots());
        }
        return status;
    }
}
