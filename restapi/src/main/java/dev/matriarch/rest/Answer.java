package dev.matriarch.rest;

import java.util.Optional;

/**
 * What became of something that a client asked the agent to do.
 *
 * @param status of the HTTP answer
 * @param sentence for people; clients of Patroni compare some of them
 * @param action the id by which the agent's log and the timeline know it
 */
public record Answer(int status, String sentence, Optional<String> action) {
    /** Of something that is no action. */
    public Answer(int status, String sentence) {
        this(status, sentence, Optional.empty());
    }
}
