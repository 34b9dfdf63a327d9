package dev.matriarch.raft;

import java.util.Collection;
import java.util.Optional;
import java.util.TreeSet;

/** What a configuration says of the store's peers that the store itself, which has the last word, knows better. Pure. */
final class Contradiction {
    private Contradiction() {}

    /**
     * @param members addresses of the group's voters, this peer's among them if it is one
     * @param listeners addresses of those without a vote, which nobody has to name
     */
    static Optional<String> between(
            RaftStoreSettings settings, Collection<String> members, Collection<String> listeners) {
        TreeSet<String> gone = new TreeSet<>(settings.partners());
        gone.removeAll(members);
        gone.removeAll(listeners);
        TreeSet<String> missing = new TreeSet<>(members);
        settings.partners().forEach(missing::remove);
        missing.remove(settings.selfAddress());
        if (gone.isEmpty() && missing.isEmpty()) {
            return Optional.empty();
        }
        return Optional.of("raft.partner_addrs in " + settings.origin() + " "
                + (gone.isEmpty() ? "" : "names " + String.join(", ", gone) + ", not a peer of the store any more")
                + (gone.isEmpty() || missing.isEmpty() ? "" : ", and ")
                + (missing.isEmpty() ? "" : "lacks " + String.join(", ", missing) + ", a peer of the store")
                + ". The store goes by its own list; correct the file, so that this node finds the others if it loses its"
                + " disk");
    }
}
