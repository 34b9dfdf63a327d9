package dev.matriarch.agent.config;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.matriarch.agent.config.KubernetesConfig.Port;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/** Reads {@code kubernetes}, with Patroni's keys. */
final class KubernetesSection {
    private static final int PORT = 5432;
    private static final String LABEL =
            "([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?";
    private static final String LABEL_VALUE = "([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?";
    private static final String NAMESPACE = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?";
    private static final String IP = "[0-9]{1,3}(\\.[0-9]{1,3}){3}|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*";

    private final Section s;
    private final Findings findings;

    KubernetesSection(Section section, Findings findings) {
        this.s = section;
        this.findings = findings;
    }

    /**
     * @param scope the objects' names begin with it
     * @return empty if something is wrong with it
     */
    Optional<KubernetesConfig> read(String scope) {
        int before = findings.problems().size();
        if (!scope.matches("[a-z0-9]([a-z0-9.-]{0,200}[a-z0-9])?") && !scope.isEmpty()) {
            findings.add(
                    "scope",
                    "is not a name that Kubernetes gives to objects: use small letters, digits, '-' and '.' only");
        }
        Optional<String> context = s.text("context");
        String namespace = s.text("namespace", "default");
        if (!namespace.matches(NAMESPACE)) {
            s.problem("namespace", "is not the name of a namespace");
        }
        Map<String, String> labels = labels("labels");
        if (labels.isEmpty() && findings.problems().size() == before) {
            findings.add(
                    s.key("labels"),
                    "is missing: the labels of the cluster's pods and objects, such as {application: patroni}");
        }
        String scopeLabel = label("scope_label", "cluster-name");
        String roleLabel = label("role_label", "role");
        String leader = value("leader_label_value", "primary");
        String follower = value("follower_label_value", "replica");
        String standbyLeader = value("standby_leader_label_value", "primary");
        Optional<String> temporary = s.text("tmp_role_label");
        temporary
                .filter(t -> !t.matches(LABEL))
                .ifPresent(t -> s.problem("tmp_role_label", "is not the name of a label"));
        Map<String, String> bootstrap = labels("bootstrap_labels");
        boolean endpoints = s.bool("use_endpoints", false);
        Optional<String> podIp = s.text("pod_ip");
        podIp.filter(ip -> !ip.matches(IP)).ifPresent(ip -> s.problem("pod_ip", "is not an IP address"));
        List<Port> ports = ports();
        boolean bypass = s.bool("bypass_api_service", false);
        Set<Integer> codes = codes();
        Optional<Path> cacert = s.file("cacert");
        s.finish();
        labels.remove(scopeLabel);
        return findings.problems().size() > before
                ? Optional.empty()
                : Optional.of(new KubernetesConfig(
                        context,
                        namespace,
                        labels,
                        scopeLabel,
                        roleLabel,
                        leader,
                        follower,
                        standbyLeader,
                        temporary,
                        bootstrap,
                        endpoints,
                        podIp,
                        ports,
                        bypass,
                        codes,
                        cacert));
    }

    private String label(String name, String otherwise) {
        String text = s.text(name, otherwise);
        if (!text.matches(LABEL)) {
            s.problem(name, "is not the name of a label");
        }
        return text;
    }

    private String value(String name, String otherwise) {
        String text = s.text(name, otherwise);
        if (!text.matches(LABEL_VALUE)) {
            s.problem(name, "is not the value of a label");
        }
        return text;
    }

    private Map<String, String> labels(String name) {
        s.describe(name, "map of labels", "", "");
        Map<String, String> labels = new LinkedHashMap<>();
        s.value(name).ifPresent(v -> {
            if (!(v instanceof ObjectNode map)) {
                s.problem(name, "is not a map of labels, such as {application: patroni}");
                return;
            }
            map.properties().forEach(label -> {
                String text = label.getValue().asText("");
                boolean good =
                        label.getKey().matches(LABEL) && label.getValue().isValueNode() && text.matches(LABEL_VALUE);
                if (good) {
                    labels.put(label.getKey(), text);
                } else {
                    findings.add(s.key(name) + "." + label.getKey(), "is not a label that Kubernetes takes");
                }
            });
        });
        return labels;
    }

    private List<Port> ports() {
        s.describe("ports", "list of {port, name, protocol}", "port " + PORT, "");
        List<Port> ports = new ArrayList<>();
        s.value("ports").ifPresent(v -> {
            if (!v.isArray()) {
                s.problem("ports", "is not a list, such as [{name: postgresql, port: 5432}]");
                return;
            }
            for (JsonNode item : v) {
                Optional<Integer> port = item.has("port") ? Quantity.integer(item.get("port")) : Optional.of(PORT);
                if (!item.isObject() || port.filter(p -> p > 0 && p < 65536).isEmpty()) {
                    s.problem("ports", "holds something that is not like {name: postgresql, port: 5432}");
                } else {
                    ports.add(new Port(port.get(), text(item, "name"), text(item, "protocol")));
                }
            }
        });
        return ports.isEmpty() ? List.of(new Port(PORT, Optional.empty(), Optional.empty())) : ports;
    }

    private static Optional<String> text(JsonNode item, String field) {
        return Optional.of(item.path(field).asText("")).filter(t -> !t.isEmpty());
    }

    private Set<Integer> codes() {
        Set<Integer> codes = new TreeSet<>();
        for (String text : s.textsOrCommas("retriable_http_codes")) {
            if (text.matches("[45][0-9][0-9]")) {
                codes.add(Integer.valueOf(text));
            } else {
                findings.add(s.key("retriable_http_codes"), text, "is not a code from 400 to 599", Optional.empty());
            }
        }
        // These say what became of a request; asked again they would say it again.
        for (int definite : List.of(404, 409)) {
            if (codes.remove(definite)) {
                s.problem(
                        "retriable_http_codes",
                        "holds " + definite + ", which is an answer and not a failure: remove it");
            }
        }
        return codes;
    }
}
