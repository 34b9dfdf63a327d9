package dev.matriarch.agent.config;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * A configuration to start from: one member of three in the appliance profile. What only the user can know is left as
 * {@code #FIXME}, which no agent starts with.
 */
public final class ConfigTemplate {
    private static final String HEADER = """
            # One member of a Matriarch cluster. Fill in every %s, copy the file to each host, change name and
            # addresses there, and keep it readable by the agent's user only: it holds passwords.
            #
            #   matriarch --validate-config FILE
            #   matriarch FILE
            """.formatted(Sources.TO_DO);

    private static final Map<String, String> REMARKS = Map.of(
            "raft", "# The built-in store: one peer on each host, 3 or 5 of them.\n",
            "bootstrap", """
                    # Read once, by the member that creates the cluster. To change anything under bootstrap.dcs afterwards,
                    # use matriarchctl edit-config: editing it here has no effect.
                    """);

    /** Programs and files: they may differ from host to host. */
    private static final String OF_ONE_HOST =
            ".*_(command|file|directory|directories|path|libraries)|log_filename|shared_preload_libraries|ssl|bonjour.*";

    private final ObjectNode root = JsonNodeFactory.instance.objectNode();

    /**
     * @param name of this member
     * @param host address by which others reach it
     */
    public ConfigTemplate(String name, String host) {
        root.put("scope", Sources.TO_DO);
        root.put("name", name);
        root.put("state_dir", "/var/lib/matriarch/state");
        root.putObject("restapi").put("listen", host + ":8008").put("connect_address", host + ":8008");
        root.putObject("control").put("listen", host + ":8009").put("connect_address", host + ":8009");
        ObjectNode raft = root.putObject("raft");
        raft.put("data_dir", "/var/lib/matriarch/raft").put("self_addr", host + ":7000");
        raft.putArray("partner_addrs")
                .add(Sources.TO_DO + " the second member's host:7000")
                .add(Sources.TO_DO + " the third member's host:7000");
        raft.put("min_timeout", 0.6).put("max_timeout", 1.2);
        root.putObject("log").put("level", "INFO");
        ObjectNode bootstrap = root.putObject("bootstrap");
        ObjectNode dcs = bootstrap.putObject("dcs");
        dcs.put("ttl", 5).put("loop_wait", 1).put("retry_timeout", 2);
        dcs.put("maximum_lag_on_failover", 1048576).put("synchronous_mode", "quorum");
        dcs.putObject("postgresql").put("use_pg_rewind", true).putObject("parameters");
        bootstrap.putArray("initdb").add("data-checksums").addObject().put("encoding", "UTF8");
        ObjectNode postgresql = root.putObject("postgresql");
        postgresql.put("listen", host + ":5432").put("connect_address", host + ":5432");
        postgresql.put("data_dir", Sources.TO_DO);
        postgresql.put("bin_dir", "");
        ObjectNode authentication = postgresql.putObject("authentication");
        authentication.putObject("superuser").put("username", "postgres").put("password", Sources.TO_DO);
        authentication.putObject("replication").put("username", "replicator").put("password", Sources.TO_DO);
        authentication.putObject("rewind").put("username", "rewinder").put("password", Sources.TO_DO);
        pgHba(List.of(
                "local all all peer",
                "host all all all scram-sha-256",
                "host replication replicator all scram-sha-256"));
        ObjectNode tags = root.putObject("tags");
        tags.put("failover_priority", 1)
                .put("sync_priority", 1)
                .put("noloadbalance", false)
                .put("clonefrom", true);
        tags.put("nosync", false).put("nostream", false);
        root.putObject("watchdog").put("mode", "automatic");
        parameter("max_connections", "100");
        parameter("wal_keep_size", "1GB");
        parameter("password_encryption", "scram-sha-256");
    }

    public void scope(String scope) {
        root.put("scope", scope);
    }

    public void superuser(String username) {
        section("authentication").withObjectProperty("superuser").put("username", username);
    }

    /** @param directory empty: found by the agent */
    public void binDir(String directory) {
        if (directory.isEmpty()) {
            postgresql().remove("bin_dir");
        } else {
            postgresql().put("bin_dir", directory);
        }
    }

    /**
     * @param directory of postgresql.conf; empty: the data directory
     * @param baseName without {@code .conf}
     */
    public void configFile(Optional<String> directory, String baseName) {
        directory.ifPresent(d -> postgresql().put("config_dir", d));
        if (!baseName.equals("postgresql")) {
            postgresql().put("config_base_name", baseName);
        }
    }

    public void dataDir(String directory) {
        postgresql().put("data_dir", directory);
    }

    /** @param listen as in {@code listen_addresses} */
    public void listen(String listen, HostPort connectAddress) {
        postgresql()
                .put("listen", listen + ":" + connectAddress.port())
                .put("connect_address", connectAddress.toString());
    }

    /** Cluster-wide, or of this host, as its name asks for; replaces what the template says. */
    public void parameter(String name, String value) {
        boolean ofOneHost = name.matches(OF_ONE_HOST) && !Parameters.isControlled(name);
        ObjectNode parameters = parameters(ofOneHost);
        if (value.matches("[1-9]\\d{0,8}|0")) {
            parameters.put(name, Integer.parseInt(value));
        } else {
            parameters.put(name, value);
        }
    }

    /** Why the parameter is no good for a cluster; empty if it is. */
    public static Optional<String> objection(String name, String value) {
        return Parameters.problemOf(name, value);
    }

    /** Forgets the parameters that the template proposes. */
    public void withoutParameters() {
        parameters(false).removeAll();
    }

    /** @param lines none: the server's file stays as it is */
    public void pgHba(List<String> lines) {
        lines("pg_hba", lines);
    }

    public void pgIdent(List<String> lines) {
        lines("pg_ident", lines);
    }

    /** Lays the {@code PATRONI_*} variables over it. */
    public void overlay(Map<String, String> environment) {
        new TreeMap<>(environment).forEach(new Sources("", root)::overlay);
    }

    public String text() {
        StringBuilder text = new StringBuilder(HEADER);
        root.properties().forEach(section -> {
            ObjectNode alone = JsonNodeFactory.instance.objectNode();
            alone.set(section.getKey(), section.getValue());
            if (section.getValue().isObject()) {
                text.append('\n');
            }
            text.append(REMARKS.getOrDefault(section.getKey(), "")).append(YamlText.of(alone));
        });
        return text.toString();
    }

    private ObjectNode postgresql() {
        return root.withObjectProperty("postgresql");
    }

    private ObjectNode section(String name) {
        return postgresql().withObjectProperty(name);
    }

    private ObjectNode parameters(boolean ofOneHost) {
        return (ofOneHost
                        ? postgresql()
                        : root.withObjectProperty("bootstrap")
                                .withObjectProperty("dcs")
                                .withObjectProperty("postgresql"))
                .withObjectProperty("parameters");
    }

    private void lines(String name, List<String> lines) {
        postgresql().remove(name);
        if (!lines.isEmpty()) {
            ArrayNode array = postgresql().putArray(name);
            lines.forEach(array::add);
        }
    }
}
