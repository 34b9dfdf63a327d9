package dev.matriarch.sim;

/** The one source of chance in a schedule: equal seeds give equal schedules on every machine. SplitMix64. */
public final class Rng {
    private long state;

    public Rng(long seed) {
        state = seed;
    }

    public long next() {
        state += 0x9E3779B97F4A7C15L;
        long z = state;
        z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
        z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
        return z ^ (z >>> 31);
    }

    /** From 0 inclusive to {@code bound} exclusive. */
    public int below(int bound) {
        return (int) ((next() >>> 33) % bound);
    }

    /** From {@code low} to {@code high}, both inclusive. */
    public long between(long low, long high) {
        return low >= high ? low : low + (next() >>> 1) % (high - low + 1);
    }

    public boolean chance(double probability) {
        return (next() >>> 11) * 0x1.0p-53 < probability;
    }

    /** Nanoseconds between two numbers of milliseconds. */
    public long millis(long low, long high) {
        return between(low * 1_000_000, high * 1_000_000);
    }

    public Rng split() {
        return new Rng(next());
    }
}
