package dev.matriarch.agent.config;

import dev.matriarch.tls.TlsFiles;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedSet;

/**
 * What makes a node of a cluster one that others can call, out of the file of a member, a witness or a listener: also before it has
 * the certificates that the file names.
 *
 * @param storeName what the built-in store goes by
 * @param hosts by which others call it, each once
 * @param stateDir of the agent itself
 * @param raft of the built-in store, if it is in use
 * @param tls as the file says
 * @param witness a peer of the store without PostgreSQL: a witness, or a listener
 */
public record NodeConfig(
        String scope,
        String storeName,
        String name,
        List<String> hosts,
        Path stateDir,
        Optional<RaftConfig> raft,
        Optional<TlsFiles> tls,
        boolean witness) {

    public static NodeConfig of(AgentConfig config) {
        SequencedSet<String> hosts = new LinkedHashSet<>();
        hosts.add(config.control().connectAddress().host());
        config.builtIn().ifPresent(raft -> hosts.add(raft.selfAddress().host()));
        hosts.add(config.rest().connectAddress().host());
        return new NodeConfig(
                config.scope(),
                config.storeName(),
                config.name(),
                List.copyOf(hosts),
                config.stateDir(),
                config.builtIn(),
                config.tls(),
                false);
    }

    public static NodeConfig of(WitnessConfig config) {
        SequencedSet<String> hosts = new LinkedHashSet<>();
        hosts.add(config.raft().selfAddress().host());
        config.rest()
                .map(rest -> rest.connectAddress().host())
                .filter(host -> !Section.isAnyAddress(host))
                .ifPresent(hosts::add);
        return new NodeConfig(
                config.storeName(),
                config.storeName(),
                config.name(),
                List.copyOf(hosts),
                config.stateDir(),
                Optional.of(config.raft()),
                config.tls(),
                true);
    }

    /**
     * @param file a YAML file or a directory of them
     * @param environment of the process
     * @throws ConfigProblems with every problem found, but for certificates that are to be made
     */
    public static NodeConfig load(Path file, Map<String, String> environment) throws ConfigProblems {
        return ConfigFile.readNode(Sources.read(Optional.of(file), environment));
    }

    /** Where the certificates of its own authority are, or would be. */
    public Path ownDirectory() {
        return tls.flatMap(TlsFiles::own)
                .map(TlsFiles.Own::directory)
                .orElseGet(() -> raft.map(RaftConfig::dataDir)
                        .map(d -> d.resolveSibling(d.getFileName() + "-tls"))
                        .orElseGet(() -> stateDir.resolve("tls")));
    }

    static List<Problem> besidesMissingCertificates(List<Problem> problems) {
        List<Problem> others = new ArrayList<>(problems);
        others.removeIf(p ->
                p.sentence().equals(TlsSection.NO_CERTIFICATE) || p.sentence().equals(TlsSection.NO_AUTHORITY));
        return others;
    }
}
