package dev.matriarch.image;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.yaml.snakeyaml.Yaml;

/** The services of a compose file, as far as ours says anything: a key that is not known here fails, so that none goes untested. */
final class ComposeFile {
    /**
     * What a service says.
     *
     * @param shmSize of {@code /dev/shm}, in bytes
     * @param volumes each as {@code name:/path}
     * @param secrets names; each is a file of that name in {@code /run/secrets}
     */
    record Service(
            String hostname,
            Map<String, String> environment,
            boolean readOnly,
            List<String> tmpfs,
            long shmSize,
            List<String> capDrop,
            List<String> securityOpt,
            List<String> volumes,
            List<String> secrets) {}

    private static final Pattern VARIABLE = Pattern.compile("\\$\\{(\\w+)(?::[-?][^}]*)?}");
    private static final Set<String> KNOWN = Set.of(
            "image",
            "restart",
            "stop_grace_period",
            "read_only",
            "tmpfs",
            "shm_size",
            "cap_drop",
            "security_opt",
            "hostname",
            "environment",
            "volumes",
            "ports",
            "secrets");

    private ComposeFile() {}

    /** @param variables for {@code ${NAME}}; one that the file uses and that is not there is an error */
    static Map<String, Service> services(Path file, Map<String, String> variables) throws IOException {
        String text = VARIABLE.matcher(Files.readString(file))
                .replaceAll(used -> Matcher.quoteReplacement(required(variables, used.group(1))));
        Map<String, Map<String, Object>> document = new Yaml().load(text);
        Map<String, Service> services = new LinkedHashMap<>();
        document.get("services").forEach((name, value) -> services.put(name, service(name, map(value))));
        return services;
    }

    private static String required(Map<String, String> variables, String name) {
        if (!variables.containsKey(name)) {
            throw new IllegalArgumentException("the compose file wants the variable " + name);
        }
        return variables.get(name);
    }

    private static Service service(String name, Map<String, Object> keys) {
        Set<String> unknown = new TreeSet<>(keys.keySet());
        unknown.removeAll(KNOWN);
        if (!unknown.isEmpty()) {
            throw new IllegalArgumentException(
                    "service " + name + " has keys that this test does not know: " + unknown);
        }
        Map<String, String> environment = new LinkedHashMap<>();
        map(keys.get("environment")).forEach((variable, value) -> environment.put(variable, value.toString()));
        String shm = keys.get("shm_size").toString();
        if (!shm.endsWith("m")) {
            throw new IllegalArgumentException("shm_size: " + shm);
        }
        return new Service(
                keys.get("hostname").toString(),
                environment,
                Boolean.TRUE.equals(keys.get("read_only")),
                list(keys.get("tmpfs")),
                Long.parseLong(shm.substring(0, shm.length() - 1)) << 20,
                list(keys.get("cap_drop")),
                list(keys.get("security_opt")),
                list(keys.get("volumes")),
                list(keys.get("secrets")));
    }

    @SuppressWarnings("unchecked")
    private static Map<String, Object> map(Object value) {
        return (Map<String, Object>) value;
    }

    private static List<String> list(Object value) {
        return ((List<?>) value).stream().map(Object::toString).toList();
    }
}
