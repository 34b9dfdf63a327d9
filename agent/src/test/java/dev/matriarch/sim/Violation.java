package dev.matriarch.sim;

/** A promise of docs/safety.md was broken in a simulated cluster. */
public final class Violation extends RuntimeException {
    private static final long serialVersionUID = 1;

    private final String invariant;

    public Violation(String invariant, String what) {
        super(what);
        this.invariant = invariant;
    }

    public String invariant() {
        return invariant;
    }
}
