package dev.matriarch.agent.postgres;

import dev.matriarch.agent.config.Conninfo;
import dev.matriarch.agent.config.Parameters;
import dev.matriarch.agent.config.PostgresConfig;
import dev.matriarch.agent.config.ServerFiles;
import dev.matriarch.agent.ha.Upstream;
import dev.matriarch.dcs.SlotName;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/**
 * postgresql.conf, pg_hba.conf, pg_ident.conf, standby.signal and the password file.
 *
 * <p>The file that initdb or the user made becomes {@code postgresql.base.conf} and is included first. What is written
 * once stays known: changing one setting rewrites the file from it.
 */
final class ConfigurationFiles {
    private static final String HEADER = "# Written by Matriarch at every change: edits here are lost.\n"
            + "# Use 'matriarchctl edit-config', or postgresql.parameters in the agent's file.\n";

    /** Where the replica's settings must not be lower than the primary's were. To the name in the control file. */
    static final Map<String, String> NOT_BELOW_PRIMARY = Map.of(
            "max_connections", "max_connections",
            "max_worker_processes", "max_worker_processes",
            "max_wal_senders", "max_wal_senders",
            "max_prepared_transactions", "max_prepared_xacts",
            "max_locks_per_transaction", "max_locks_per_xact");

    private static final Map<String, String> CONTROLLED_DEFAULTS = controlledDefaults();

    /** Ours alone, or meaningless in this file. */
    private static final Set<String> NEVER_FROM_PARAMETERS = Set.of(
            "listen_addresses", "port", "cluster_name", "synchronous_standby_names", "data_directory", "config_file");

    /** What the files should say. */
    record Wanted(
            Map<String, String> parameters,
            Optional<Upstream> upstream,
            Optional<String> synchronousStandbyNames,
            boolean useSlots,
            ServerFiles files) {
        Wanted {
            parameters = Map.copyOf(parameters);
        }

        Wanted withUpstream(Optional<Upstream> other) {
            return new Wanted(parameters, other, synchronousStandbyNames, useSlots, files);
        }

        Wanted withSynchronousStandbyNames(Optional<String> other) {
            return new Wanted(parameters, upstream, other, useSlots, files);
        }

        ServerFiles.Role role() {
            return upstream.map(u ->
                            u instanceof Upstream.Remote ? ServerFiles.Role.STANDBY_LEADER : ServerFiles.Role.REPLICA)
                    .orElse(ServerFiles.Role.PRIMARY);
        }

        /** Names in lower case. */
        Map<String, String> parametersOfItsRole() {
            Map<String, String> all = new TreeMap<>();
            parameters.forEach((name, value) -> all.put(name.toLowerCase(Locale.ROOT), value));
            all.putAll(files.parameters(role()));
            return all;
        }
    }

    /** @param text of postgresql.conf */
    record Written(String text, RecoveryFiles recovery) {}

    private interface Recovery {
        /** Without what is left out. */
        RecoveryFiles files() throws PostgresException;
    }

    private volatile PostgresConfig config;
    private final int major;
    private final String scope;
    private final String memberName;
    private final ConfigPlaces places;
    private final BaseFile base;
    private final AccessFiles access;
    private final ParameterJudge judge;
    private volatile Wanted wanted;
    private volatile Written written;

    /** Of the wanted parameters those that PostgreSQL does not take. */
    private volatile Set<String> leftOut = Set.of();

    /** @param binaries of the server that reads the files */
    ConfigurationFiles(PostgresConfig config, Binaries binaries, String scope, String memberName) {
        this.config = config;
        this.major = binaries.major();
        this.scope = scope;
        this.memberName = memberName;
        this.places = ConfigPlaces.of(config);
        this.base = new BaseFile(places, HEADER);
        this.access = new AccessFiles(places);
        this.judge = new ParameterJudge(binaries, places);
    }

    /** From the next use on. */
    void reconfigure(PostgresConfig changed) {
        config = changed;
    }

    private static Map<String, String> controlledDefaults() {
        Map<String, String> defaults = new LinkedHashMap<>();
        defaults.put("wal_level", "replica");
        defaults.put("hot_standby", "on");
        defaults.put("max_connections", "100");
        defaults.put("max_wal_senders", "10");
        defaults.put("max_replication_slots", "10");
        defaults.put("max_worker_processes", "8");
        defaults.put("max_prepared_transactions", "0");
        defaults.put("max_locks_per_transaction", "64");
        defaults.put("track_commit_timestamp", "off");
        defaults.put("wal_log_hints", "on");
        return defaults;
    }

    /** What was last written. */
    Wanted wanted() throws PostgresException {
        Wanted known = wanted;
        if (known == null) {
            throw new PostgresException("The PostgreSQL configuration was not written yet.");
        }
        return known;
    }

    /** After the first {@link #write}. */
    Written written() throws PostgresException {
        Written last = written;
        if (last == null) {
            throw new PostgresException("The PostgreSQL configuration was not written yet.");
        }
        return last;
    }

    /** Empty before the first {@link #write}. */
    Optional<Wanted> known() {
        return Optional.ofNullable(wanted);
    }

    boolean isStandby() throws PostgresException {
        return wanted().upstream().isPresent();
    }

    /** Parameters that must be the same on all members: given on the command line, so that no file can differ. */
    Map<String, String> controlled() throws PostgresException {
        Map<String, String> given = taken();
        Map<String, String> result = new LinkedHashMap<>();
        result.put("listen_addresses", String.join(",", config.listenHosts()));
        result.put("port", Integer.toString(config.port()));
        result.put("cluster_name", scope);
        CONTROLLED_DEFAULTS.forEach((name, value) -> result.put(name, given.getOrDefault(name, value)));
        // Without these no replica can exist, whatever was asked for.
        result.put("hot_standby", "on");
        if (result.get("wal_level").equalsIgnoreCase("minimal")) {
            result.put("wal_level", "replica");
        }
        return result;
    }

    /** But for recovery's, which may have to stand elsewhere. */
    private Map<String, String> taken() throws PostgresException {
        Map<String, String> taken = new TreeMap<>(Parameters.of(major, wanted().parametersOfItsRole()));
        taken.keySet().removeIf(name -> leftOut.contains(name) || RecoveryFiles.isOfRecovery(name));
        return taken;
    }

    /** Settings of recovery that were configured, wherever. */
    private static Map<String, String> configuredRecovery(Wanted wanted) {
        Map<String, String> all = new TreeMap<>(wanted.files().recovery());
        wanted.parametersOfItsRole().forEach((name, value) -> {
            if (RecoveryFiles.isConfigurable(name)) {
                all.put(name, value);
            }
        });
        return all;
    }

    void write(Wanted next) throws PostgresException {
        wanted = next;
        RecoveryFiles.Kind kind = next.upstream().isPresent() ? RecoveryFiles.Kind.STANDBY : RecoveryFiles.Kind.NONE;
        write(() -> recovery(kind, upstreamSettings(next.upstream().orElse(null))), false);
    }

    private RecoveryFiles recovery(RecoveryFiles.Kind kind, Map<String, String> own) throws PostgresException {
        Map<String, String> all = configuredRecovery(wanted());
        all.keySet().removeAll(leftOut);
        all.putAll(own);
        return RecoveryFiles.of(major, kind, all);
    }

    /**
     * For a server that recovers up to a target and ends its recovery there.
     *
     * @param settings of the recovery; none: it starts as whatever the files make it
     * @param keep what is there about recovery stays as it is
     */
    void writeForRecovery(Map<String, String> parameters, Map<String, String> settings, boolean keep)
            throws PostgresException {
        wanted = new Wanted(parameters, Optional.empty(), Optional.of(""), true, ServerFiles.of(config));
        Map<String, String> own = new TreeMap<>(settings);
        boolean standby = own.remove("standby_mode") instanceof String mode && mode.equalsIgnoreCase("on");
        RecoveryFiles.Kind kind = settings.isEmpty()
                ? RecoveryFiles.Kind.NONE
                : standby ? RecoveryFiles.Kind.STANDBY : RecoveryFiles.Kind.TARGETED;
        write(() -> recovery(kind, own), keep);
    }

    private void write(Recovery source, boolean keepRecovery) throws PostgresException {
        try {
            writePassfile();
            base.keep();
            if (!keepRecovery) {
                AutoConf.strip(places.data());
            }
            Map<String, String> doubtful = new TreeMap<>(wanted().files().recovery());
            doubtful.putAll(wanted().parametersOfItsRole());
            leftOut = judge.rejected(doubtful, rejected -> {
                leftOut = rejected;
                return postgresqlConf(source.files().parameters());
            });
            RecoveryFiles recovery = source.files();
            String text = postgresqlConf(recovery.parameters());
            DurableFile.writeFor(places.data(), places.main(), text);
            writeAccessFiles();
            if (!keepRecovery) {
                for (String name : recovery.absent()) {
                    DurableFile.delete(places.data().resolve(name));
                }
                for (Map.Entry<String, String> file : recovery.present().entrySet()) {
                    DurableFile.writeFor(places.data(), places.data().resolve(file.getKey()), file.getValue());
                }
            }
            written = new Written(text, recovery);
        } catch (IOException e) {
            throw new PostgresException("The configuration in " + places.directory() + " cannot be written: " + e, e);
        }
    }

    /** A parameter that names another file leaves ours alone. */
    private void writeAccessFiles() throws IOException, PostgresException {
        Map<String, String> given = taken();
        ServerFiles files = wanted().files();
        ServerFiles.Role role = wanted().role();
        access.write(
                given.containsKey("hba_file") ? List.of() : files.hba(role),
                given.containsKey("ident_file") ? List.of() : files.ident(role));
    }

    /** True if the files on who may connect were changed, and no running server was asked about them yet. */
    boolean hasNewAccessFiles() {
        return access.isNew();
    }

    /** Has the running server judge them; old ones come back in place of those that it rejects. */
    void tryOutAccessFiles(Connection server) throws SQLException, IOException {
        access.tryOut(server);
    }

    /** A server that had the chance to reject them runs. */
    void acceptHba() {
        access.acceptHba();
    }

    /** False if pg_hba.conf cannot be why the server did not start. */
    boolean takeBackHba() throws PostgresException {
        try {
            return access.takeBackHba();
        } catch (IOException e) {
            throw new PostgresException("The file " + places.hba() + " cannot be put back: " + e, e);
        }
    }

    /** It was not the cause. */
    void doubtHbaNoLonger() {
        access.doubtHbaNoLonger();
    }

    /** They cannot be judged: they stay. */
    void trustAccessFiles() {
        access.trust();
    }

    /** Makes all go that would let the server start in recovery. */
    void removeRecovery() throws PostgresException {
        try {
            for (String name : RecoveryFiles.ALL) {
                DurableFile.delete(config.dataDir().resolve(name));
            }
        } catch (IOException e) {
            throw new PostgresException(
                    "The signal of recovery in " + config.dataDir() + " cannot be removed: " + e, e);
        }
    }

    /** The agent's passwords in libpq's form, mode 0600. Any host: they are offered only where the agent connects. */
    void writePassfile() throws IOException {
        StringBuilder text = new StringBuilder();
        Map<String, String> byUser = new LinkedHashMap<>();
        for (PostgresConfig.Role role : List.of(config.replication(), config.rewind(), config.superuser())) {
            role.password().ifPresent(password -> byUser.putIfAbsent(role.username(), password));
        }
        byUser.forEach((user, password) -> text.append("*:*:*:")
                .append(passfileField(user))
                .append(':')
                .append(passfileField(password))
                .append('\n'));
        Path parent = config.pgpass().toAbsolutePath().getParent();
        Files.createDirectories(parent);
        DurableFile.write(config.pgpass(), text.toString());
        ServiceFile.write(config, major);
    }

    /** How to reach a server, in libpq's form, without the password. */
    String connectionString(Upstream.Of server, PostgresConfig.Role role, String database) {
        return Conninfo.write(connection(server.host(), Integer.toString(server.port()), role, database));
    }

    /**
     * For pg_basebackup and pg_rewind, which mostly read: where the other host was cut off meanwhile, TCP would not tell them for two
     * hours. What they are told after half a minute, the kernel on the other side answers, however busy the server is.
     */
    String toolConnectionString(Upstream.Of server, PostgresConfig.Role role, String database) {
        Map<String, String> parts = connection(server.host(), Integer.toString(server.port()), role, database);
        parts.putIfAbsent("keepalives_idle", "10");
        parts.putIfAbsent("keepalives_interval", "5");
        parts.putIfAbsent("keepalives_count", "4");
        return Conninfo.write(parts);
    }

    /** Of several remote servers it is the one that takes writes. */
    String connectionString(Upstream.Remote remote, String database) {
        Map<String, String> parts = connection(remote.host(), remote.port(), config.replication(), database);
        if (remote.servers().size() > 1) {
            parts.put("target_session_attrs", "read-write");
        }
        return Conninfo.write(parts);
    }

    private Map<String, String> connection(String host, String port, PostgresConfig.Role role, String database) {
        Map<String, String> parts = new LinkedHashMap<>();
        parts.put("host", host);
        parts.put("port", port);
        parts.put("user", role.username());
        if (!database.isEmpty()) {
            parts.put("dbname", database);
        }
        parts.put("passfile", config.pgpass().toAbsolutePath().toString());
        parts.put("application_name", memberName);
        parts.putAll(role.security().forLibpq(major));
        ServiceFile.nameOf(config, role, major).ifPresent(name -> parts.put("service", name));
        return parts;
    }

    /** Where WAL comes from; empty values undo what the included file says. */
    private Map<String, String> upstreamSettings(Upstream upstream) {
        Map<String, String> settings = new TreeMap<>();
        settings.put("recovery_target_timeline", "latest");
        settings.put("primary_conninfo", "");
        settings.put("primary_slot_name", "");
        for (String target : List.of("", "_name", "_time", "_xid", "_lsn")) {
            settings.put("recovery_target" + target, "");
        }
        if (upstream instanceof Upstream.Of of) {
            settings.put(
                    "primary_conninfo",
                    connectionString(of, config.replication(), config.places().database()));
            settings.put("primary_slot_name", wanted.useSlots() ? SlotName.of(memberName) : "");
        }
        if (upstream instanceof Upstream.Remote remote) {
            if (!remote.host().isEmpty()) {
                settings.put(
                        "primary_conninfo",
                        connectionString(remote, config.places().database()));
                settings.put("primary_slot_name", remote.slot());
            }
            if (!remote.applyDelay().isEmpty()) {
                settings.put("recovery_min_apply_delay", remote.applyDelay());
            }
        }
        return settings;
    }

    private String postgresqlConf(Map<String, String> recovery) throws PostgresException {
        Map<String, String> all = new TreeMap<>();
        taken().forEach((name, value) -> {
            String key = name.toLowerCase(Locale.ROOT);
            if (!NEVER_FROM_PARAMETERS.contains(key)) {
                all.put(key, value);
            }
        });
        all.putAll(controlled());
        wanted().synchronousStandbyNames().ifPresent(names -> all.put("synchronous_standby_names", names));
        all.putIfAbsent("wal_retrieve_retry_interval", "500ms");
        all.putAll(recovery);
        putPlaces(all);
        StringBuilder text = new StringBuilder(HEADER)
                .append("include '")
                .append(base.included(wanted.files().customConf()).replace("'", "''"))
                .append("'\n\n");
        for (Map.Entry<String, String> parameter : all.entrySet()) {
            text.append(parameter.getKey())
                    .append(" = ")
                    .append(quoted(parameter.getKey(), parameter.getValue()))
                    .append('\n');
        }
        return text.toString();
    }

    static String quoted(String name, String value) throws PostgresException {
        if (!name.matches("[A-Za-z_][A-Za-z0-9_$]*(\\.[A-Za-z_][A-Za-z0-9_$]*)?")) {
            throw new PostgresException("'" + name + "' is no name of a PostgreSQL parameter.");
        }
        if (value.indexOf('\0') >= 0) {
            throw new PostgresException("The value of the PostgreSQL parameter " + name + " holds a zero byte.");
        }
        return "'"
                + value.replace("\\", "\\\\")
                        .replace("'", "''")
                        .replace("\n", "\\n")
                        .replace("\r", "\\r")
                + "'";
    }

    /** What somebody else's files say of places does not hold any more. */
    private void putPlaces(Map<String, String> all) {
        if (places.apart()) {
            all.put("data_directory", places.data().toString());
        }
        ServerFiles files = wanted.files();
        ServerFiles.Role role = wanted.role();
        if (places.apart() || !files.hba(role).isEmpty() && base.sets("hba_file")) {
            all.putIfAbsent("hba_file", places.hba().toString());
        }
        if (places.apart() || !files.ident(role).isEmpty() && base.sets("ident_file")) {
            all.putIfAbsent("ident_file", places.ident().toString());
        }
    }

    static String passfileField(String text) {
        return text.replace("\\", "\\\\").replace(":", "\\:");
    }
}
