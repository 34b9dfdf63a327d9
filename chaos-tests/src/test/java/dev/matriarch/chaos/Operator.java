package dev.matriarch.chaos;

import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * Who follows the runbooks: gives an order again if no agent answers in time, as the machine may be slow, and none of those that
 * must not be given twice.
 */
record Operator(Cluster cluster, Path agentCommand) {
    private static final Duration PATIENCE = Duration.ofSeconds(90);
    /** It asks again for a minute itself. */
    private static final Duration JOIN = Duration.ofSeconds(150);

    private static final int NO_ANSWER = 3;
    private static final ObjectMapper JSON = new ObjectMapper();

    /** One that does no harm when it is given again. */
    Commands.Result order(String... arguments) {
        return orderOf(Optional.empty(), arguments);
    }

    private Commands.Result orderOf(Optional<Node> via, String... arguments) {
        return Await.value("matriarchctl " + String.join(" ", arguments), PATIENCE, () -> {
                    Commands.Result result =
                            via.map(v -> cluster.ctlOf(v, arguments)).orElseGet(() -> cluster.ctl(arguments));
                    return result.exitCode() == NO_ANSWER ? Optional.empty() : Optional.of(result);
                })
                .expectSuccess();
    }

    static JsonNode json(Commands.Result result) {
        try {
            return JSON.readTree(result.expectSuccess().output());
        } catch (IOException e) {
            throw new AssertionError(result.output(), e);
        }
    }

    /** What {@code matriarchctl cluster token} prints, as a person types it: {@code join …}. */
    List<String> token(String... more) {
        List<String> all = new ArrayList<>(List.of("cluster", "token", "-o", "json"));
        all.addAll(Arrays.asList(more));
        return typed(order(all.toArray(String[]::new)));
    }

    List<String> tokenOf(Node via) {
        return typed(orderOf(Optional.of(via), "cluster", "token", "-o", "json"));
    }

    private static List<String> typed(Commands.Result token) {
        String command = json(token).required("command").asText();
        assertTrue(command.startsWith("matriarch join "), command);
        return List.of(command.substring("matriarch ".length()).split(" "));
    }

    /** On the new host, with everything in the folder of its name. */
    Commands.Result join(List<String> token, String name, String host) {
        List<String> command = new ArrayList<>(List.of(agentCommand.toString()));
        command.addAll(token);
        command.addAll(List.of(
                "--name",
                name,
                "--address",
                host,
                "--dir",
                cluster.directory().resolve(name).toString()));
        return Commands.run(JOIN, command.toArray(String[]::new));
    }

    /** Takes one of four out of the store. */
    void remove(Node gone, Node via) {
        Await.until(gone + " is taken out of the store", PATIENCE, () -> {
            Commands.Result said = cluster.ctlOf(via, "raft", "remove-peer", gone.name());
            return said.exitCode() == 0 || autopilot().output().contains("Voters: 3,");
        });
    }

    Commands.Result autopilot() {
        return cluster.ctl("raft", "autopilot", "state");
    }

    void awaitTolerance(int losses, int voters) {
        Await.until("a store of " + voters + " that survives " + losses, PATIENCE, () -> {
            String said = autopilot().output();
            return said.contains("Healthy: true")
                    && said.contains("Failure tolerance: " + losses)
                    && said.contains("Voters: " + voters + ",");
        });
    }
}
