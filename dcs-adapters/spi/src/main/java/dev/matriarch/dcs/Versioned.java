package dev.matriarch.dcs;

import java.util.Objects;

/**
 * A value with the store's revision of it, for a conditioned write later.
 *
 * @param revision the store's modification revision of the key, greater than 0
 */
public record Versioned<T>(T value, long revision) {
    public Versioned {
        Objects.requireNonNull(value, "value");
    }
}
