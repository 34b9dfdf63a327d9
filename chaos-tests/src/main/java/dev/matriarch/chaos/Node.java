package dev.matriarch.chaos;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** One member of the cluster under test: its processes, files and addresses, as demo.json names them. */
public final class Node {
    /** The agent's main class; the program of the peer that measurements are compared with. */
    private static final List<String> AGENTS = List.of("dev.matriarch.agent.Matriarch", "/usr/bin/patroni");

    private final String name;
    private final Path config;
    private final Path dataDirectory;
    private final String dsn;
    private final String rest;
    private final String grpc;
    private final Path agentCommand;

    Node(JsonNode json, Path agentCommand) {
        this.name = json.required("name").asText();
        this.config = Path.of(json.required("config").asText());
        this.dataDirectory = Path.of(json.required("data_dir").asText());
        this.dsn = json.required("dsn").asText();
        this.rest = json.required("rest").asText();
        this.grpc = json.required("grpc").asText();
        this.agentCommand = agentCommand;
    }

    public String name() {
        return name;
    }

    public Path config() {
        return config;
    }

    public Path dataDirectory() {
        return dataDirectory;
    }

    public Path home() {
        return config.getParent();
    }

    public String grpc() {
        return grpc;
    }

    /** {@code http://host:port} */
    public String rest() {
        return rest;
    }

    public String host() {
        return dsnField("host");
    }

    public int port() {
        return Integer.parseInt(dsnField("port"));
    }

    public String password() {
        return dsnField("password");
    }

    private String dsnField(String key) {
        Matcher matcher = Pattern.compile("\\b" + key + "=(\\S+)").matcher(dsn);
        if (!matcher.find()) {
            throw new IllegalStateException("the dsn of " + name + " has no " + key);
        }
        return matcher.group(1);
    }

    /** The living agent that runs with this node's configuration. */
    public Optional<Long> agentPid() {
        return Processes.mentioning(config.toString()).stream()
                .filter(p -> p.arguments().stream()
                        .anyMatch(argument -> AGENTS.stream().anyMatch(argument::endsWith)))
                .map(Processes.Found::pid)
                .findFirst();
    }

    /** The living postmaster of this node's data directory. */
    public Optional<Long> postmasterPid() {
        try {
            long pid = Long.parseLong(Files.readAllLines(dataDirectory.resolve("postmaster.pid"))
                    .getFirst()
                    .strip());
            boolean ours = Processes.alive(pid)
                    && Files.readSymbolicLink(Path.of("/proc/" + pid + "/cwd")).equals(dataDirectory);
            return ours ? Optional.of(pid) : Optional.empty();
        } catch (IOException | RuntimeException unreadableOrGone) {
            return Optional.empty();
        }
    }

    /** The guards that watch over this node's postmaster: shells that have the data directory as an argument. */
    public List<Long> guardPids() {
        List<Long> guards = new ArrayList<>();
        for (Processes.Found found : Processes.mentioning(dataDirectory.toString())) {
            String program = Path.of(found.arguments().getFirst()).getFileName().toString();
            if (program.equals("bash") || program.equals("sh")) {
                guards.add(found.pid());
            }
        }
        return guards;
    }

    public long requireAgent() {
        return agentPid().orElseThrow(() -> new AssertionError("no agent of " + name + " is running"));
    }

    public long requirePostmaster() {
        return postmasterPid().orElseThrow(() -> new AssertionError("no postmaster of " + name + " is running"));
    }

    /** The program that starts an agent, as the user that owns its data. */
    public Path agentCommand() {
        return agentCommand;
    }

    /** Starts the agent as {@code CMD CONFIG}; returns at once. Its output goes to the node's agent.log. */
    public void startAgent() {
        startAgent(Map.of());
    }

    /** @param environment set besides the test's own */
    public void startAgent(Map<String, String> environment) {
        try {
            ProcessBuilder agent = new ProcessBuilder("setsid", agentCommand.toString(), config.toString());
            agent.environment().putAll(environment);
            agent.redirectErrorStream(true)
                    .redirectInput(
                            ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()))
                    .redirectOutput(ProcessBuilder.Redirect.appendTo(
                            home().resolve("agent.log").toFile()))
                    .start();
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    /** In good order, PostgreSQL with it; nothing if it does not run. */
    void stopAgent(Duration deadline) {
        agentPid().ifPresent(pid -> {
            Processes.signal("TERM", List.of(pid));
            Await.until(name + "'s agent ends", deadline, () -> !Processes.alive(pid));
        });
    }

    /** Runs an agent that is expected to end by itself. */
    public Commands.Result runAgent(Duration deadline) {
        return Commands.run(deadline, agentCommand.toString(), config.toString());
    }

    /** Status code of a health check; 0 if nobody answered within a second. */
    public int healthCheck(String path) {
        return Http.status(rest + path, Duration.ofSeconds(1));
    }

    /** All that its agent has said. */
    public String log() {
        try {
            return Files.readString(home().resolve("agent.log"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** @return pgjdbc address of this node alone; every wait in it has a deadline */
    public String jdbcUrl() {
        return "jdbc:postgresql://" + host() + ":" + port() + "/postgres";
    }

    Map<String, String> jdbcProperties() {
        return Map.of(
                "user", "postgres",
                "password", password(),
                "sslmode", dsn.contains("sslmode=require") ? "require" : "disable",
                "connectTimeout", "2",
                "loginTimeout", "3",
                "socketTimeout", "10",
                "cancelSignalTimeout", "2",
                "ApplicationName", "chaos");
    }

    @Override
    public String toString() {
        return name;
    }
}
