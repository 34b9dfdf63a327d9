package dev.matriarch.agent.loop;

import dev.matriarch.agent.config.AgentConfig;
import dev.matriarch.agent.config.DynamicConfig;
import dev.matriarch.agent.config.DynamicConfigJson;
import dev.matriarch.agent.config.Parameters;
import dev.matriarch.agent.config.PostgresConfig;
import dev.matriarch.agent.config.ReplicaMaking;
import dev.matriarch.agent.config.ServerFiles;
import dev.matriarch.agent.doctor.Own;
import dev.matriarch.agent.ha.Settings;
import dev.matriarch.agent.ha.SlotRules;
import dev.matriarch.agent.ha.StandbyCluster;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.MovedAway;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.BiFunction;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The settings in force: what the store says, over what this member knew before. A store without a configuration, or
 * with one that cannot be read, changes nothing.
 */
final class SettingsSource {
    private static final Logger LOG = LoggerFactory.getLogger(SettingsSource.class);

    /**
     * @param json the text it was read from
     * @param parameters PostgreSQL parameters of this member, cluster-wide and local ones merged
     * @param files what else its files are made of, merged likewise
     * @param postgres how the server is treated, merged likewise
     * @param warnings one sentence for each value that is not used as it stands
     */
    record InForce(
            long revision,
            String json,
            DynamicConfig dynamic,
            Settings settings,
            Map<String, String> parameters,
            ServerFiles files,
            PostgresConfig postgres,
            List<String> warnings) {

        private InForce asOf(long newRevision, String newJson) {
            return new InForce(newRevision, newJson, dynamic, settings, parameters, files, postgres, warnings);
        }
    }

    private volatile AgentConfig config;
    private volatile MemberRecord.Addresses addresses;
    private volatile InForce inForce;
    private volatile int reloads;
    private final List<Consumer<PostgresConfig>> told = new CopyOnWriteArrayList<>();

    /** The local file that entered into {@link #inForce}. */
    private AgentConfig readFrom;

    private final BiFunction<AgentConfig, String, InForce> reader;

    private Supplier<Optional<Duration>> longestTtl = Optional::empty;

    /** What of {@link #longestTtl} entered into {@link #inForce}. */
    private Optional<Duration> readWithin = Optional.empty();

    /** @param json the configuration to go by until the store gives one */
    SettingsSource(AgentConfig config, String json) {
        this(config, json, SettingsSource::read);
    }

    /** @param reader {@link #read}, or one that remembers what it said */
    SettingsSource(AgentConfig config, String json, BiFunction<AgentConfig, String, InForce> reader) {
        this.reader = reader;
        this.config = config;
        this.addresses = MemberRecord.Addresses.of(config);
        this.inForce = read(0, json);
        inForce.warnings().forEach(LOG::warn);
    }

    InForce current() {
        return inForce;
    }

    /** @param longestTtl what the store grants at the most, as far as it knows by now; a longer {@code ttl} does not count */
    void within(Supplier<Optional<Duration>> longestTtl) {
        this.longestTtl = longestTtl;
    }

    /** The local file, as it was read. */
    AgentConfig local() {
        return config;
    }

    /** How this member's server is treated: what the local file says, and where it says nothing, the cluster. */
    PostgresConfig postgres() {
        return inForce.postgres();
    }

    /** From now on told whenever {@link #postgres} has changed. It must return soon. */
    void tell(Consumer<PostgresConfig> part) {
        told.add(part);
    }

    MemberRecord.Addresses addresses() {
        return addresses;
    }

    /** How often the local file was read again. */
    int reloads() {
        return reloads;
    }

    /** Takes up a local file that was read again, changed or not. */
    void local(AgentConfig changed) {
        reloads++;
        config = changed;
        addresses = MemberRecord.Addresses.of(changed);
        takeUp(read(inForce.revision(), inForce.json()));
    }

    private void takeUp(InForce now) {
        InForce before = inForce;
        inForce = now;
        now.warnings().stream().filter(w -> !before.warnings().contains(w)).forEach(LOG::warn);
        if (!now.postgres().equals(before.postgres())) {
            told.forEach(part -> part.accept(now.postgres()));
        }
    }

    InForce update(Optional<ClusterView> view) {
        // What stands in a store that the cluster has left is not its configuration any more.
        view.filter(v -> MovedAway.of(v).isEmpty())
                .flatMap(ClusterView::config)
                .filter(c -> c.revision() != inForce.revision() && !c.value().isBlank())
                .ifPresent(c -> takeUp(c.revision(), c.value()));
        if (!readWithin.equals(longestTtl.get())) {
            takeUp(read(inForce.revision(), inForce.json()));
        }
        return inForce;
    }

    private void takeUp(long revision, String json) {
        if (DynamicConfigJson.isObject(json)) {
            takeUp(read(revision, json));
        } else {
            // The standard values would end a pause, and no commit would wait for a replica any more.
            LOG.error("The configuration in the store is not a JSON object and is ignored; the previous one stays in"
                    + " force: repair it with matriarchctl edit-config");
            inForce = inForce.asOf(revision, inForce.json());
        }
    }

    private InForce read(long revision, String json) {
        InForce last = inForce;
        Optional<Duration> most = longestTtl.get();
        if (last == null || readFrom != config || !last.json().equals(json) || !readWithin.equals(most)) {
            readFrom = config;
            readWithin = most;
            last = most.isPresent() ? read(config, json, most) : reader.apply(config, json);
        }
        return last.asOf(revision, json);
    }

    /** As of revision 0. */
    static InForce read(AgentConfig config, String json) {
        return read(config, json, Optional.empty());
    }

    private static InForce read(AgentConfig config, String json, Optional<Duration> longestTtl) {
        DynamicConfigJson.Parsed parsed = DynamicConfigJson.read(json, DynamicConfigJson.STANDARD);
        DynamicConfig dynamic = config.store().within(parsed.config(), longestTtl);
        Stream<String> tooLong = dynamic.ttl().compareTo(parsed.config().ttl()) >= 0
                ? Stream.empty()
                : config.store().timingProblem(parsed.config(), longestTtl).stream()
                        .map(problem -> problem + ", which counts instead");
        Parameters parameters = Parameters.effective(dynamic, config.postgres());
        PostgresConfig postgres = config.postgres().under(dynamic.handling());
        return new InForce(
                0,
                json,
                dynamic,
                settings(dynamic, config, postgres, parameters),
                withCitus(withFeedback(withArchive(parameters.inFile(), dynamic.standbyCluster()), dynamic), config),
                dynamic.files().under(ServerFiles.of(config.postgres())),
                postgres,
                Stream.concat(tooLong, Stream.concat(parsed.warnings().stream(), parameters.warnings().stream()))
                        .distinct()
                        .toList());
    }

    private static Map<String, String> withCitus(Map<String, String> parameters, AgentConfig config) {
        return config.citus()
                .map(citus -> citus.parameters(parameters, config.postgres().localHost()))
                .orElse(parameters);
    }

    /** Every member of a standby cluster may need what only the remote cluster's archive has. */
    private static Map<String, String> withArchive(Map<String, String> parameters, Optional<StandbyCluster> standby) {
        if (standby.isEmpty()) {
            return parameters;
        }
        Map<String, String> all = new TreeMap<>(parameters);
        if (!standby.get().restoreCommand().isEmpty()) {
            all.put("restore_command", standby.get().restoreCommand());
        }
        if (!standby.get().archiveCleanupCommand().isEmpty()) {
            all.put("archive_cleanup_command", standby.get().archiveCleanupCommand());
        }
        return all;
    }

    /** Without it a standby's logical slots lose the rows of the catalogs that they need. Those above it hand it on. */
    private static Map<String, String> withFeedback(Map<String, String> parameters, DynamicConfig dynamic) {
        boolean logical = dynamic.useSlots()
                && dynamic.standbyCluster().isEmpty()
                && dynamic.slots().permanent().values().stream().anyMatch(SlotRules.Permanent::logical);
        if (!logical) {
            return parameters;
        }
        Map<String, String> all = new TreeMap<>(parameters);
        all.put("hot_standby_feedback", "on");
        return all;
    }

    private static ReplicaMaking making(DynamicConfig dynamic, AgentConfig config) {
        return dynamic.replicas().under(config.postgres().making());
    }

    /** What somebody wants to know who examines this member. */
    Own.InForce examined() {
        InForce now = inForce;
        return new Own.InForce(now.warnings(), now.parameters(), now.postgres().usePgRewind());
    }

    /** How replicas of this member are made. */
    ReplicaMaking making() {
        return making(inForce.dynamic(), config);
    }

    private static Settings settings(
            DynamicConfig dynamic, AgentConfig config, PostgresConfig postgres, Parameters parameters) {
        return new Settings(
                dynamic.ttl(),
                dynamic.loopWait(),
                dynamic.retryTimeout(),
                Grip.safetyMargin(dynamic.ttl()),
                dynamic.maximumLagOnFailover(),
                dynamic.checkTimeline(),
                dynamic.standbyCluster().isPresent()
                        // Nobody is waited for where nothing commits.
                        ? Settings.Synchronous.OFF
                        : new Settings.Synchronous(
                                switch (dynamic.synchronousMode()) {
                                    case OFF -> Settings.Synchronous.Mode.OFF;
                                    case ON -> Settings.Synchronous.Mode.ON;
                                    case QUORUM -> Settings.Synchronous.Mode.QUORUM;
                                },
                                dynamic.synchronousModeStrict(),
                                dynamic.synchronousNodeCount(),
                                dynamic.maximumLagOnSyncnode(),
                                parameters.inFile().getOrDefault("synchronous_standby_names", "")),
                dynamic.paused(),
                dynamic.primaryStartTimeout(),
                postgres.usePgRewind(),
                dynamic.useSlots(),
                postgres.removeOnDivergence(),
                postgres.removeOnRewindFailure(),
                dynamic.maxTimelinesHistory(),
                dynamic.primaryRaceBackoff(),
                dynamic.failsafeMode(),
                !postgres.scripts().prePromote().isEmpty(),
                config.citus()
                        .map(citus -> CitusSlots.besides(dynamic.slots(), citus.database()))
                        .orElse(dynamic.slots()),
                dynamic.standbyCluster(),
                making(dynamic, config).withoutServer(),
                dynamic.standbyCluster()
                        .map(c -> making(dynamic, config)
                                .inOrder(c.createReplicaMethods())
                                .withoutServer())
                        .orElse(false));
    }
}
