package dev.matriarch.raft;

import dev.matriarch.proto.store.v1.PeerIdentity;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Notes who the group's members are, and says what the configuration makes of it. Any thread. */
final class Roster {
    private static final Logger LOG = LoggerFactory.getLogger(Roster.class);

    private final RaftStoreSettings settings;
    private final ReplicaHost host;

    Roster(RaftStoreSettings settings, ReplicaHost host) {
        this.settings = settings;
        this.host = host;
    }

    /** Reads the present members itself: two changes may be told of in either order. */
    synchronized void note() {
        Map<Boolean, List<PeerIdentity>> byListening =
                host.replica().map(r -> Admission.members(r.division())).orElse(List.of()).stream()
                        .collect(Collectors.partitioningBy(PeerIdentity::getListener));
        List<PeerIdentity> members = byListening.get(false);
        if (members.isEmpty()) {
            // A peer that waits to be taken in has no list yet: what it knew before stays.
            return;
        }
        host.learned(members);
        List<String> addresses = members.stream().map(PeerIdentity::getAddress).toList();
        List<String> listening =
                byListening.get(true).stream().map(PeerIdentity::getAddress).toList();
        if (addresses.contains(settings.selfAddress()) || listening.contains(settings.selfAddress())) {
            Contradiction.between(settings, addresses, listening).ifPresent(sentence -> LOG.warn("{}", sentence));
        }
    }
}
