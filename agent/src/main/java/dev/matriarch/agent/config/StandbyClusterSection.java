package dev.matriarch.agent.config;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.matriarch.agent.ha.StandbyCluster;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.BiConsumer;

/** {@code standby_cluster} in the dynamic configuration. */
final class StandbyClusterSection {
    private static final String NAME = "standby_cluster";
    private static final Set<String> KEYS = Set.of(
            "host",
            "port",
            "primary_slot_name",
            "create_replica_methods",
            "restore_command",
            "archive_cleanup_command",
            "recovery_min_apply_delay");
    private static final String STANDARD_PORT = "5432";

    private StandbyClusterSection() {}

    /**
     * Reads what the store holds. A section that is there but cannot be used is still a standby cluster, one that follows
     * nobody: the other way round would make it a primary by mistake.
     */
    static Optional<StandbyCluster> read(ObjectNode root, List<String> warnings) {
        return read(root.path(NAME), (key, sentence) -> warnings.add(key + " " + sentence + "; it is ignored"));
    }

    /** Finds every problem of a configuration that somebody asks for. */
    static void check(Section section, Findings findings) {
        section.describe(NAME, "map", "", "").value(NAME);
        if (section.node().path(NAME).isObject()) {
            section.section(NAME).ifPresent(StandbyClusterSection::describe);
        }
        read(section.node().path(NAME), (key, sentence) -> findings.add(section.key(key), sentence));
    }

    private static void describe(Section s) {
        s.describe("host", "text or list", "", "several with commas").value("host");
        s.describe("port", "port", STANDARD_PORT, "one, or one for each host").value("port");
        s.describe("primary_slot_name", "text", "", "a-z, 0-9 and _").value("primary_slot_name");
        s.describe("create_replica_methods", "list, or text with commas", "", "")
                .value("create_replica_methods");
        s.describe("restore_command", "text", "", "").value("restore_command");
        s.describe("archive_cleanup_command", "text", "", "").value("archive_cleanup_command");
        s.describe("recovery_min_apply_delay", "text", "", "as PostgreSQL takes it")
                .value("recovery_min_apply_delay");
    }

    private static Optional<StandbyCluster> read(JsonNode node, BiConsumer<String, String> problem) {
        if (node.isMissingNode() || Section.asksForNothing(node)) {
            return Optional.empty();
        }
        if (!node.isObject()) {
            problem.accept(NAME, "is not a map such as {host: 10.0.0.1, port: 5432}");
            return Optional.of(new StandbyCluster("", STANDARD_PORT, "", "", "", "", List.of()));
        }
        node.properties().forEach(entry -> {
            if (!KEYS.contains(entry.getKey())) {
                problem.accept(NAME + "." + entry.getKey(), "is not a known setting of a standby cluster");
            }
        });
        String host = list(node, "host", problem);
        String port = list(node, "port", problem);
        String restore = text(node, "restore_command", problem);
        if (host.isEmpty() && port.isEmpty() && restore.isEmpty()) {
            problem.accept(NAME, "names no source: give host, port or restore_command");
        }
        if (host.isEmpty() && !port.isEmpty()) {
            host = "localhost";
        }
        port = port.isEmpty() ? STANDARD_PORT : port;
        int hosts = host.split(",").length;
        int ports = port.split(",").length;
        boolean numbers = true;
        for (String one : port.split(",")) {
            numbers &= one.matches("\\d{1,5}") && Integer.parseInt(one) >= 1 && Integer.parseInt(one) <= 65535;
        }
        if (!numbers) {
            problem.accept(NAME + ".port", "is not a port, or a list of ports");
            port = STANDARD_PORT;
        } else if (ports != 1 && ports != hosts) {
            problem.accept(
                    NAME + ".port", "has " + ports + " ports for " + hosts + " hosts: give one, or one for each");
            port = port.substring(0, port.indexOf(','));
        }
        String slot = text(node, "primary_slot_name", problem);
        if (!slot.isEmpty() && !slot.matches("[a-z0-9_]{1,63}")) {
            problem.accept(NAME + ".primary_slot_name", "is no name of a replication slot: a-z, 0-9 and _");
            slot = "";
        }
        List<String> methods = new ArrayList<>();
        JsonNode given = node.path("create_replica_methods");
        if (given.isArray()) {
            given.forEach(m -> methods.add(m.asText()));
        } else {
            for (String method : text(node, "create_replica_methods", problem).split(",")) {
                if (!method.isBlank()) {
                    methods.add(method.strip());
                }
            }
        }
        return Optional.of(new StandbyCluster(
                host,
                port,
                slot,
                restore,
                text(node, "archive_cleanup_command", problem),
                text(node, "recovery_min_apply_delay", problem),
                methods));
    }

    /** One value, several with commas, or a list. */
    private static String list(JsonNode node, String name, BiConsumer<String, String> problem) {
        JsonNode value = node.path(name);
        if (!value.isArray()) {
            return text(node, name, problem).replace(" ", "");
        }
        List<String> parts = new ArrayList<>();
        value.forEach(v -> parts.add(v.asText().strip()));
        return String.join(",", parts);
    }

    private static String text(JsonNode node, String name, BiConsumer<String, String> problem) {
        JsonNode value = node.path(name);
        if (value.isContainerNode()) {
            problem.accept(NAME + "." + name, "is not a text");
            return "";
        }
        return value.isNull() ? "" : value.asText("").strip();
    }
}
