package dev.matriarch.agent.move;

import java.util.Map;
import java.util.Optional;

/** What this process was told of moves. Any thread. */
public final class Moves {
    private Optional<Order> pending = Optional.empty();
    private String problem = "";

    /**
     * That this member is to use another store from now on.
     *
     * @param store section of that store
     * @param from section of the one that is left
     * @param back to the store that it came from, which is as it was left
     * @param resume the move ends with the end of the pause
     * @param members name to gRPC address, of all who take part
     */
    public record Order(String store, String from, boolean back, boolean resume, Map<String, String> members) {
        public Order {
            members = Map.copyOf(members);
        }
    }

    /** False if another one is under way; the same one again is no other. */
    synchronized boolean give(Order order) {
        if (pending.isPresent()) {
            return pending.get().store().equals(order.store());
        }
        pending = Optional.of(order);
        problem = "";
        return true;
    }

    /** To be carried out by whoever asks; empty: there is none. */
    public synchronized Optional<Order> take() {
        Optional<Order> taken = pending;
        pending = Optional.empty();
        return taken;
    }

    /** The last one could not be carried out. */
    public synchronized void failed(String why) {
        problem = why;
    }

    synchronized String problem() {
        return problem;
    }
}
