package dev.matriarch.agent.postgres;

import dev.matriarch.agent.config.PostgresConfig;
import dev.matriarch.agent.config.ServerFiles;
import dev.matriarch.agent.ha.Upstream;
import java.io.IOException;
import java.sql.Connection;
import java.sql.SQLException;
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
    /** Where the replica's settings must not be lower than the primary's were. To the name in the control file. */
    static final Map<String, String> NOT_BELOW_PRIMARY = Map.of(
            "max_connections", "max_connections",
            "max_worker_processes", "max_worker_processes",
            "max_wal_senders", "max_wal_senders",
            "max_prepared_transactions", "max_prepared_xacts",
            "max_locks_per_transaction", "max_locks_per_xact");

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
    private final LibpqAccess libpq;
    private final ConfigPlaces places;
    private final BaseFile base;
    private final AccessFiles access;
    private final ParameterJudge judge;
    private volatile Wanted wanted;
    private volatile Written written;

    /** Of the wanted parameters those that PostgreSQL does not take. */
    private volatile Set<String> leftOut = Set.of();

    /**
     * @param binaries of the server that reads the files
     * @param libpq how that reaches others
     */
    ConfigurationFiles(PostgresConfig config, Binaries binaries, LibpqAccess libpq, String scope, String memberName) {
        this.config = config;
        this.major = binaries.major();
        this.libpq = libpq;
        this.scope = scope;
        this.memberName = memberName;
        this.places = ConfigPlaces.of(config);
        this.base = new BaseFile(places, PostgresqlConf.HEADER);
        this.access = new AccessFiles(places);
        this.judge = new ParameterJudge(binaries, places);
    }

    /** From the next use on. */
    void reconfigure(PostgresConfig changed) {
        config = changed;
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
        return conf().controlled();
    }

    private PostgresqlConf conf() throws PostgresException {
        return new PostgresqlConf(new PostgresqlConf.Owner(config, scope, memberName, major), libpq, wanted(), leftOut);
    }

    void write(Wanted next) throws PostgresException {
        wanted = next;
        write(() -> conf().recovery(), false);
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
        write(() -> conf().recovery(kind, own), keep);
    }

    private void write(Recovery source, boolean keepRecovery) throws PostgresException {
        try {
            libpq.writePassfile();
            base.keep();
            if (!keepRecovery) {
                AutoConf.strip(places.data());
            }
            Map<String, String> doubtful = new TreeMap<>(wanted().files().recovery());
            doubtful.putAll(wanted().parametersOfItsRole());
            leftOut = judge.rejected(doubtful, rejected -> {
                leftOut = rejected;
                return text(source.files());
            });
            RecoveryFiles recovery = source.files();
            String text = text(recovery);
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

    private String text(RecoveryFiles recovery) throws PostgresException {
        return conf().text(recovery.parameters(), base.included(wanted().files().customConf()), base::sets);
    }

    /** A parameter that names another file leaves ours alone. */
    private void writeAccessFiles() throws IOException, PostgresException {
        Map<String, String> given = conf().taken();
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
}
