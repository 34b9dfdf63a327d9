package dev.matriarch.agent.rpc;

/**
 * What became of something a person asked for.
 *
 * @param status as the REST API's codes: 200 done, 202 accepted, 4xx refused, 5xx failed
 * @param message a sentence for the one who asked
 */
public record Outcome(int status, String message) {
    public boolean isSuccess() {
        return status >= 200 && status < 300;
    }
}
