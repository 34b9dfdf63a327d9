package dev.matriarch.image;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.github.dockerjava.api.DockerClient;
import com.github.dockerjava.api.command.CreateContainerCmd;
import com.github.dockerjava.api.model.AccessMode;
import com.github.dockerjava.api.model.Bind;
import com.github.dockerjava.api.model.Capability;
import com.github.dockerjava.api.model.ContainerNetwork;
import com.github.dockerjava.api.model.HostConfig;
import com.github.dockerjava.api.model.Volume;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.testcontainers.containers.Container;
import org.testcontainers.containers.GenericContainer;
import org.testcontainers.containers.Network;
import org.testcontainers.containers.wait.strategy.Wait;
import org.testcontainers.utility.DockerImageName;

/** One container of the cluster, made as the compose file says. Nothing of it is reached but through the engine. */
final class Member {
    private static final ObjectMapper JSON = new ObjectMapper();

    static final String AUTHORITY = "authority";

    final String name;
    final GenericContainer<?> container;
    private final Network network;

    Member(String name, String image, ComposeFile.Service service, Network network) {
        this.name = name;
        this.network = network;
        this.container = new GenericContainer<>(DockerImageName.parse(image))
                .withNetwork(network)
                .withNetworkAliases(name)
                .withEnv(service.environment())
                .withCreateContainerCmdModifier(command -> as(service, command))
                // By the image's own HEALTHCHECK.
                .waitingFor(Wait.forHealthcheck().withStartupTimeout(Duration.ofMinutes(5)));
    }

    private void as(ComposeFile.Service service, CreateContainerCmd command) {
        HostConfig host = command.getHostConfig();
        host.withReadonlyRootfs(service.readOnly())
                .withTmpFs(service.tmpfs().stream().collect(Collectors.toMap(path -> path, path -> "")))
                .withShmSize(service.shmSize())
                .withCapDrop(service.capDrop().stream().map(Capability::valueOf).toArray(Capability[]::new))
                .withSecurityOpts(service.securityOpt())
                .withBinds(Stream.concat(
                                service.volumes().stream()
                                        .map(volume -> volume.split(":", 2))
                                        .map(parts -> new Bind(volumeOf(network, parts[0]), new Volume(parts[1]))),
                                Stream.of(secrets(network, AccessMode.ro)))
                        .toArray(Bind[]::new));
        if (!service.secrets().equals(List.of(AUTHORITY))) {
            throw new IllegalArgumentException("secrets that this test does not make: " + service.secrets());
        }
        command.withHostName(service.hostname());
    }

    /** What the compose file takes from a file of the host, on a volume: the engine of this test has a host of its own. */
    static Bind secrets(Network network, AccessMode mode) {
        return new Bind(volumeOf(network, "secrets"), new Volume("/run/secrets"), mode);
    }

    /** Of this cluster's own, as compose puts its project's name before them. */
    private static String volumeOf(Network network, String volume) {
        return network.getId().substring(0, 12) + "-" + volume;
    }

    /** Ends it, with its data. */
    void remove() {
        container.stop();
        engine().removeVolumeCmd(volumeOf(network, name)).exec();
    }

    /** When the last member is gone. */
    void removeSecrets() {
        engine().removeVolumeCmd(volumeOf(network, "secrets")).exec();
    }

    private DockerClient engine() {
        return container.getDockerClient();
    }

    /** As {@code docker kill}. */
    void kill() {
        engine().killContainerCmd(container.getContainerId()).exec();
    }

    /** As {@code docker stop}: the image's stop signal, and time to obey it. Returns when it has ended. */
    void stop(Duration grace) {
        engine().stopContainerCmd(container.getContainerId())
                .withTimeout((int) grace.toSeconds())
                .exec();
    }

    void start() {
        engine().startContainerCmd(container.getContainerId()).exec();
    }

    /** As {@code docker network disconnect}. */
    void cutOff() {
        engine().disconnectFromNetworkCmd()
                .withNetworkId(network.getId())
                .withContainerId(container.getContainerId())
                .withForce(true)
                .exec();
    }

    /** Back on the network, at whatever address is free now. */
    void reconnect() {
        engine().connectToNetworkCmd()
                .withNetworkId(network.getId())
                .withContainerId(container.getContainerId())
                .withContainerNetwork(new ContainerNetwork().withAliases(name))
                .exec();
    }

    /** In the cluster's network. */
    String address() {
        return engine().inspectContainerCmd(container.getContainerId())
                .exec()
                .getNetworkSettings()
                .getNetworks()
                .values()
                .iterator()
                .next()
                .getIpAddress();
    }

    long exitCode() {
        return engine().inspectContainerCmd(container.getContainerId())
                .exec()
                .getState()
                .getExitCodeLong();
    }

    /** What a command in the container says; empty if it failed or the container is not there to run it. */
    Optional<String> run(String... command) {
        try {
            Container.ExecResult result = container.execInContainer(command);
            return result.getExitCode() == 0 ? Optional.of(result.getStdout().strip()) : Optional.empty();
        } catch (IOException | RuntimeException e) {
            return Optional.empty();
        } catch (InterruptedException e) {
            throw new IllegalStateException("interrupted", e);
        }
    }

    /** By the server's socket file, so that it works also without a network. */
    Optional<String> sql(String statement) {
        return run("timeout", "10", "psql", "-qAtX", "-c", statement, "postgres");
    }

    /** Names of the cluster's members with their role and state, as this one sees it; empty if it does not answer. */
    Optional<Map<String, String>> view() {
        return run("curl", "--silent", "--max-time", "5", "http://127.0.0.1:8008/cluster")
                .map(Member::json)
                .map(cluster -> cluster.path("members")
                        .valueStream()
                        .collect(Collectors.toMap(
                                member -> member.path("name").asText(),
                                member -> member.path("role").asText() + " "
                                        + member.path("state").asText())));
    }

    private static JsonNode json(String text) {
        try {
            return JSON.readTree(text);
        } catch (IOException e) {
            throw new IllegalStateException("not JSON: " + text, e);
        }
    }
}
