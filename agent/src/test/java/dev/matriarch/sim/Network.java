package dev.matriarch.sim;

import java.util.ArrayList;
import java.util.List;

/** Who reaches whom. Two planes can be cut apart from each other: what agents say to each other, and what PostgreSQL streams. */
public final class Network {
    public static final int AGENTS = 0;
    public static final int WAL = 1;

    private record Held(int plane, int from, int to, Runnable delivery) {}

    private final Events events;
    private final Rng rng;
    private final int size;
    private final int[][] cuts;
    private final long[] slow;
    private final List<Held> held = new ArrayList<>();
    private double loss;
    private Runnable onChange = () -> {};

    Network(Events events, Rng rng, int size) {
        this.events = events;
        this.rng = rng;
        this.size = size;
        this.cuts = new int[2][size];
        this.slow = new long[size];
    }

    void onChange(Runnable action) {
        onChange = action;
    }

    public boolean passes(int plane, int from, int to) {
        return (cuts[plane][from] & 1 << to) == 0;
    }

    /** Both ways. */
    public boolean joins(int plane, int a, int b) {
        return passes(plane, a, b) && passes(plane, b, a);
    }

    void cut(int plane, int from, int to) {
        cuts[plane][from] |= 1 << to;
    }

    void heal() {
        for (int plane = 0; plane < 2; plane++) {
            java.util.Arrays.fill(cuts[plane], 0);
        }
        java.util.Arrays.fill(slow, 0);
        loss = 0;
        changed();
    }

    void slow(int host, long nanos) {
        slow[host] = nanos;
    }

    void loss(double probability) {
        loss = probability;
    }

    /** Call after any cut: what waited for a way is delivered where there is one again. */
    void changed() {
        for (int i = held.size() - 1; i >= 0; i--) {
            Held h = held.get(i);
            if (passes(h.plane, h.from, h.to)) {
                held.remove(i);
                events.after(rng.millis(0, 400), h.delivery);
            }
        }
        onChange.run();
    }

    long delay(int from, int to) {
        if (from == to) {
            return 20_000;
        }
        long nanos = 150_000 + (rng.next() >>> 44) + slow[from] + slow[to];
        // A lost segment is sent again by TCP.
        return loss > 0 && rng.chance(loss) ? nanos + rng.millis(200, 1500) : nanos;
    }

    /** False: it will never arrive. What is sent into a cut is sometimes retransmitted after it. */
    public boolean send(int plane, int from, int to, Runnable delivery) {
        if (from == to || passes(plane, from, to)) {
            events.after(delay(from, to), delivery);
            return true;
        }
        if (rng.chance(0.3)) {
            held.add(new Held(plane, from, to, delivery));
            return true;
        }
        return false;
    }

    int size() {
        return size;
    }
}
