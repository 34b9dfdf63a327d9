package dev.matriarch.agent.loop;

import dev.matriarch.agent.config.AgentConfig;
import dev.matriarch.agent.config.DynamicConfig;
import dev.matriarch.agent.config.DynamicConfigJson;
import dev.matriarch.agent.config.Parameters;
import dev.matriarch.agent.config.PostgresConfig;
import dev.matriarch.agent.config.ReplicaMaking;
import dev.matriarch.agent.config.ServerFiles;
import dev.matriarch.agent.ha.Settings;
import dev.matriarch.agent.ha.SlotRules;
import dev.matriarch.agent.ha.StandbyCluster;
import dev.matriarch.dcs.ClusterView;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.BiFunction;
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
     */
    record InForce(
            long revision,
            String json,
            DynamicConfig dynamic,
            Settings settings,
            Map<String, String> parameters,
            ServerFiles files) {}

    private volatile AgentConfig config;
    private volatile MemberRecord.Addresses addresses;
    private volatile InForce inForce;
    private volatile int reloads;

    /** The local file that entered into {@link #inForce}. */
    private AgentConfig readFrom;

    private final BiFunction<AgentConfig, String, InForce> reader;

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
    }

    InForce current() {
        return inForce;
    }

    AgentConfig local() {
        return config;
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
        inForce = read(inForce.revision(), inForce.json());
    }

    InForce update(Optional<ClusterView> view) {
        view.flatMap(ClusterView::config)
                .filter(c -> c.revision() != inForce.revision() && !c.value().isBlank())
                .ifPresent(c -> {
                    try {
                        inForce = read(c.revision(), c.value());
                    } catch (IllegalArgumentException e) {
                        LOG.error("The configuration in the store cannot be read and is ignored: {}", e.getMessage());
                        inForce = new InForce(
                                c.revision(),
                                inForce.json(),
                                inForce.dynamic(),
                                inForce.settings(),
                                inForce.parameters(),
                                inForce.files());
                    }
                });
        return inForce;
    }

    private InForce read(long revision, String json) {
        InForce last = inForce;
        if (last == null || readFrom != config || !last.json().equals(json)) {
            readFrom = config;
            last = reader.apply(config, json);
        }
        return new InForce(revision, json, last.dynamic(), last.settings(), last.parameters(), last.files());
    }

    /** As of revision 0. */
    static InForce read(AgentConfig config, String json) {
        DynamicConfig dynamic = DynamicConfigJson.parse(json);
        Parameters parameters = Parameters.effective(dynamic, config.postgres());
        return new InForce(
                0,
                json,
                dynamic,
                settings(dynamic, config, parameters),
                withCitus(withFeedback(withArchive(parameters.inFile(), dynamic.standbyCluster()), dynamic), config),
                dynamic.files().under(ServerFiles.of(config.postgres())));
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

    /** How replicas of this member are made. */
    ReplicaMaking making() {
        return making(inForce.dynamic(), config);
    }

    private static Settings settings(DynamicConfig dynamic, AgentConfig config, Parameters parameters) {
        PostgresConfig postgres = config.postgres();
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
                dynamic.usePgRewind() || postgres.usePgRewind(),
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
