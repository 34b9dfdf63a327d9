package dev.matriarch.tls;

import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.LongSupplier;

/** Keeps a peer that calls again and again from filling the log. Safe for use by several threads. */
public final class SeldomRepeated {
    private static final int MOST = 64;

    private final Duration pause;
    private final LongSupplier nanos;
    private final Map<String, Long> said = new LinkedHashMap<>();

    /** @param nanos monotonic */
    public SeldomRepeated(Duration pause, LongSupplier nanos) {
        this.pause = pause;
        this.nanos = nanos;
    }

    /** True if the same was not said within the pause. */
    public synchronized boolean isNews(String sentence) {
        long now = nanos.getAsLong();
        said.values().removeIf(then -> now - then >= pause.toNanos());
        if (said.containsKey(sentence) || said.size() >= MOST) {
            return false;
        }
        said.put(sentence, now);
        return true;
    }
}
