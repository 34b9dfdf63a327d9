package dev.matriarch.agent.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.yaml.snakeyaml.Yaml;

/** The file in the container image and the variables of packaging/image/compose.yaml are together a configuration that an agent takes. */
class ImageSettingsTest {
    private static final Path FOLDER = Path.of("../packaging/image");

    @TempDir
    Path dir;

    @Test
    void eachServiceOfTheComposeFileIsAMember() throws Exception {
        Set<String> names = new TreeSet<>();
        for (Map.Entry<String, Map<?, ?>> service : services().entrySet()) {
            String name = service.getKey();
            AgentConfig config = member(service.getValue());
            names.add(config.name());
            assertEquals(name, config.name());
            assertEquals("demo", config.scope());
            RaftConfig raft = config.builtIn().orElseThrow();
            assertEquals(name + ":7000", raft.selfAddress().toString());
            assertEquals("0.0.0.0:7000", raft.bindAddress().toString());
            assertEquals(2, raft.partners().size(), raft.partners().toString());
            assertEquals(name + ":8008", config.rest().connectAddress().toString());
            assertEquals(name + ":8009", config.control().connectAddress().toString());
            assertEquals(name + ":5432", config.postgres().connectAddress().toString());
            assertEquals(List.of("authority"), service.getValue().get("secrets"));
            // By these names the others call it, and these are in its certificate.
            assertEquals(
                    List.of(name),
                    NodeConfig.of(config).hosts().stream().distinct().toList());
        }
        assertEquals(Set.of("pg1", "pg2", "pg3"), names);
    }

    /** What is written must not lie in the image, whose files cannot be. */
    @Test
    void everythingThatLastsIsOnTheVolumeOfTheImage() throws Exception {
        String dockerfile = Files.readString(FOLDER.resolve("Dockerfile"));
        assertTrue(dockerfile.contains("\nVOLUME /data\n"));
        assertTrue(dockerfile.contains("\nEXPOSE 5432 7000 8008 8009\n"));
        assertTrue(dockerfile.contains("\nUSER 999:999\n"));
        for (Map<?, ?> service : services().values()) {
            AgentConfig config = member(service);
            RaftConfig raft = config.builtIn().orElseThrow();
            for (Path path : List.of(
                    config.stateDir(),
                    raft.dataDir(),
                    config.postgres().dataDir(),
                    config.postgres().pgpass(),
                    config.flightRecorder().directory(),
                    NodeConfig.of(config).ownDirectory())) {
                assertTrue(path.startsWith("/data"), path.toString());
            }
            assertEquals(true, service.get("read_only"));
            List<Object> written = new ArrayList<>((List<?>) service.get("tmpfs"));
            assertTrue(written.contains(config.postgres().parameters().get("unix_socket_directories")));
        }
    }

    /** Where the engine puts what the compose file names as a secret. */
    @Test
    void theAuthorityIsReadWhereTheSecretIsMounted() throws Exception {
        String text = Files.readString(FOLDER.resolve("matriarch.yml"));
        assertTrue(text.contains("\n  authority: /run/secrets/authority\n"), text);
        Map<String, Map<String, Map<?, ?>>> document =
                new Yaml().load(Files.readString(FOLDER.resolve("compose.yaml")));
        assertEquals("./authority.pem", document.get("secrets").get("authority").get("file"));
        ConfigProblems without = assertThrows(
                ConfigProblems.class,
                () -> ConfigFile.load(
                        FOLDER.resolve("matriarch.yml"), environment(services().get("pg1"))));
        assertTrue(without.getMessage().contains("matriarch cluster authority FILE"), without.getMessage());
    }

    private AgentConfig member(Map<?, ?> service) throws Exception {
        Path authority = Files.writeString(dir.resolve("authority"), "");
        Map<String, String> environment = environment(service);
        environment.put("PATRONI_TLS_AUTHORITY", authority.toString());
        return ConfigFile.load(FOLDER.resolve("matriarch.yml"), environment);
    }

    private static Map<String, String> environment(Map<?, ?> service) {
        Map<String, String> environment = new LinkedHashMap<>();
        ((Map<?, ?>) service.get("environment"))
                .forEach((variable, value) -> environment.put(variable.toString(), value.toString()));
        return environment;
    }

    private static Map<String, Map<?, ?>> services() throws Exception {
        Map<String, Map<String, Map<?, ?>>> document =
                new Yaml().load(Files.readString(FOLDER.resolve("compose.yaml")));
        return document.get("services");
    }
}
