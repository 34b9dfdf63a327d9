package dev.matriarch.dcs;

import java.util.List;
import java.util.Optional;

/**
 * What stands in the {@code initialize} key of a store that a cluster has left: nobody leads by such a store.
 *
 * <p>It has the form of a system identifier, so that Patroni, and agents that know nothing of moves, take it for that of
 * another cluster and refuse. No server has it: theirs is a number whose upper half is the time of {@code initdb}, and numbers
 * do not begin with zeros.
 *
 * @param to section of the store that the cluster goes on in
 * @param resume the move ends with the end of the pause
 */
public record MovedAway(String to, boolean resume) {
    /** Sections of the stores that a cluster can move to. Their places in this list stand in stores: only append. */
    public static final List<String> STORES = List.of("consul", "etcd", "etcd3", "exhibitor", "raft", "zookeeper");

    private static final String ZEROS = "0".repeat(17);
    private static final int DIGITS = ZEROS.length() + 3;

    public MovedAway {
        if (!STORES.contains(to)) {
            throw new IllegalArgumentException("no cluster moves to " + to);
        }
    }

    /** As it stands in the key. */
    public String text() {
        return ZEROS + (STORES.indexOf(to) + 1) / 10 + (STORES.indexOf(to) + 1) % 10 + (resume ? 1 : 0);
    }

    /** Empty: this is not such a text. */
    public static Optional<MovedAway> of(String identifier) {
        if (identifier.length() != DIGITS
                || !identifier.startsWith(ZEROS)
                || !identifier.chars().allMatch(c -> c >= '0' && c <= '9')) {
            return Optional.empty();
        }
        int number = Integer.parseInt(identifier.substring(ZEROS.length(), DIGITS - 1));
        return number < 1 || number > STORES.size()
                ? Optional.empty()
                : Optional.of(new MovedAway(STORES.get(number - 1), identifier.endsWith("1")));
    }

    /** Empty: the store that shows this was not left. */
    public static Optional<MovedAway> of(ClusterView view) {
        return view.initialize().flatMap(i -> of(i.value()));
    }
}
