package dev.matriarch.agent.loop;

import dev.matriarch.agent.rpc.Progress;

/** Tells what the server goes through while somebody waits for an order. For one thread. */
final class OrderSteps {
    private final Progress progress;
    private String state = "";
    private String waiting = "";

    OrderSteps(Progress progress) {
        this.progress = progress;
    }

    /**
     * @param now the server's state, as the member publishes it
     * @param decision the heartbeat's latest sentence
     */
    void saw(String now, String decision) {
        if (!now.equals(state)) {
            state = now;
            progress.step("PostgreSQL: " + now);
        }
        // What stands between the order and its beginning.
        if (decision.startsWith("Waiting for ") && !decision.equals(waiting)) {
            waiting = decision;
            progress.step(decision);
        }
    }
}
