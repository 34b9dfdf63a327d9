package dev.matriarch.agent.loop;

import java.util.Optional;

/**
 * What the log says of comparisons with a leader's history that could not be made. They are tried again all the time, for
 * hours if need be. Any thread.
 */
final class Uncompared {
    private String said = "";

    /** What is to be said; empty if the last attempt had the same reason. */
    synchronized Optional<String> news(String leader, String reason) {
        String sentence = "could not compare timelines with " + leader + ", trying again: " + reason;
        if (sentence.equals(said)) {
            return Optional.empty();
        }
        said = sentence;
        return Optional.of(sentence);
    }

    /** An attempt was successful: the next failure is news. */
    synchronized void over() {
        said = "";
    }
}
