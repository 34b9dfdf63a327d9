package dev.matriarch.sim;

import dev.matriarch.dcs.Lsn;

/**
 * One branch of WAL. PostgreSQL knows it by its number only; here two branches that took the same number are two objects,
 * so that a mix-up can be seen.
 */
public final class Timeline {
    final int number;
    final Timeline parent;
    /** Where it left its parent. */
    final long start;
    /** End of what was written on it by anybody. */
    long tail;
    /** Highest position that a client was told is committed on it. */
    long acknowledged;

    Timeline(int number, Timeline parent, long start) {
        this.number = number;
        this.parent = parent;
        this.start = start;
        this.tail = start;
    }

    /** True if WAL that ends at {@code end} of this branch holds what stands before {@code position} of the other. */
    boolean holds(long end, Timeline other, long position) {
        long limit = end;
        for (Timeline t = this; t != null; t = t.parent) {
            if (t == other) {
                return position <= limit;
            }
            limit = Math.min(limit, t.start);
        }
        return false;
    }

    /** As the file NNNNNNNN.history tells: where this branch's past leaves the timeline of that number; -1 if it never was on it. */
    long leaves(int timeline, long end) {
        long limit = end;
        for (Timeline t = this; t != null; t = t.parent) {
            if (t.number == timeline) {
                return limit;
            }
            limit = t.start;
        }
        return -1;
    }

    @Override
    public String toString() {
        return "timeline " + number + (parent == null ? "" : "(from " + new Lsn(start) + ")");
    }
}
