package dev.matriarch.consul;

import dev.matriarch.dcs.DcsException;

/** Consul answered, and certainly did nothing. */
final class Refusal extends DcsException {
    private static final long serialVersionUID = 1L;

    Refusal(String message) {
        super(message);
    }
}
