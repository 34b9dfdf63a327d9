package dev.matriarch.chaos;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;

/** What the agents of a cluster have logged until now. */
public final class AgentLogs {
    private final List<Node> nodes;

    AgentLogs(List<Node> nodes) {
        this.nodes = nodes;
    }

    /** Last lines of every agent's log, for the report of a failed test. */
    public String tail(int lines) {
        StringBuilder text = new StringBuilder();
        for (Node node : nodes) {
            try {
                List<String> all = Files.readAllLines(node.home().resolve("agent.log"));
                text.append("--- ").append(node.name()).append('\n');
                all.subList(Math.max(0, all.size() - lines), all.size())
                        .forEach(l -> text.append(l).append('\n'));
            } catch (IOException e) {
                text.append("--- ").append(node.name()).append(": ").append(e).append('\n');
            }
        }
        return text.toString();
    }

    /** Copies every agent's whole log to {@code target/failed/TEST/MEMBER.log}; returns that folder. */
    Path keep(String test) {
        Path folder = Path.of("target", "failed", test).toAbsolutePath();
        try {
            Files.createDirectories(folder);
            for (Node node : nodes) {
                Path log = node.home().resolve("agent.log");
                if (Files.exists(log)) {
                    Files.copy(log, folder.resolve(node.name() + ".log"), StandardCopyOption.REPLACE_EXISTING);
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException("the logs cannot be kept in " + folder, e);
        }
        return folder;
    }

    /** The member whose agent said last that it became the Raft leader; empty if none did. */
    String raftLeader() {
        String latest = "";
        String name = "";
        for (Node node : nodes) {
            try {
                for (String line : Files.readAllLines(node.home().resolve("agent.log"))) {
                    if (line.contains("This peer is the Raft leader now") && line.compareTo(latest) > 0) {
                        latest = line;
                        name = node.name();
                    }
                }
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
        return name;
    }
}
