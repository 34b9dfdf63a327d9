package dev.matriarch.agent.cli;

/** What was asked for cannot be done; the message says why, and what the user may do. */
final class Refusal extends Exception {
    private static final long serialVersionUID = 1L;

    Refusal(String sentence) {
        super(sentence);
    }
}
