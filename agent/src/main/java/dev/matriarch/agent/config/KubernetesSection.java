package dev.matriarch.agent.config;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.matriarch.agent.config.KubernetesConfig.Port;
import java.net.InetAddress;
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
    private static final String POD = "[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?";
    private static final String PORT_NAME = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?";
    private static final Set<String> PROTOCOLS = Set.of("TCP", "UDP", "SCTP");
    /** A service is made for the object of this name. */
    private static final int LONGEST_WITH_SERVICE = 63 - "-config".length();

    private static final String IP = "[0-9]{1,3}(\\.[0-9]{1,3}){3}|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*";

    private final Section s;
    private final Findings findings;

    KubernetesSection(Section section, Findings findings) {
        this.s = section;
        this.findings = findings;
    }

    /**
     * @param scope the objects' names begin with it
     * @param name of this member, and of its pod
     * @return empty if something is wrong with it
     */
    Optional<KubernetesConfig> read(String scope, String name) {
        int before = findings.problems().size();
        if (name != null && !name.isEmpty() && !name.matches(POD)) {
            findings.add(
                    "name",
                    "is not the name of a pod, and with section kubernetes it has to be that of this member's: take it from"
                            + " metadata.name (PATRONI_NAME)");
        }
        if (!scope.matches("[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?") && !scope.isEmpty()) {
            findings.add(
                    "scope",
                    "is not a name that Kubernetes gives to objects and takes for the value of a label: use small letters,"
                            + " digits, '-' and '.' only, and at most 63 of them");
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
        boolean named = findings.problems().size() == before;
        if (endpoints && named && !scope.isEmpty() && !isOfAService(scope)) {
            findings.add(
                    "scope",
                    "is not the name of a service, and with kubernetes.use_endpoints services of this name and of "
                            + scope
                            + "-config are needed: begin with a letter, use small letters, digits and '-' only, and at most "
                            + LONGEST_WITH_SERVICE + " of them; or keep the state in ConfigMaps");
        }
        Optional<String> podIp = s.text("pod_ip");
        podIp.flatMap(KubernetesSection::whyNotPublished).ifPresent(why -> s.problem("pod_ip", why));
        List<Port> ports = ports();
        boolean bypass = s.bool("bypass_api_service", false);
        Set<Integer> codes = codes();
        Optional<Path> cacert = s.file("cacert");
        s.finish();
        labels.remove(scopeLabel);
        keepApart(labels.keySet(), scopeLabel, roleLabel, temporary, bootstrap.keySet());
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

    private static boolean isOfAService(String scope) {
        return scope.matches("[a-z]([a-z0-9-]*[a-z0-9])?") && scope.length() <= LONGEST_WITH_SERVICE;
    }

    /** Endpoints are not given such addresses: the API server refuses them, and with them the lock that is in the same object. */
    private static Optional<String> whyNotPublished(String ip) {
        InetAddress address;
        try {
            if (!ip.matches(IP)) {
                return Optional.of("is not an IP address");
            }
            address = InetAddress.ofLiteral(ip);
        } catch (IllegalArgumentException e) {
            return Optional.of("is not an IP address");
        }
        return address.isLoopbackAddress()
                        || address.isAnyLocalAddress()
                        || address.isLinkLocalAddress()
                        || address.isMulticastAddress()
                ? Optional.of("is not an address that others reach; Kubernetes refuses it in Endpoints")
                : Optional.empty();
    }

    /** A label by which pods are found must not change, and no two keys may say different things of one label. */
    private void keepApart(
            Set<String> found, String scopeLabel, String roleLabel, Optional<String> temporary, Set<String> bootstrap) {
        Map<String, String> users = new LinkedHashMap<>();
        found.forEach(label -> users.put(label, s.key("labels")));
        claim(users, "scope_label", scopeLabel);
        claim(users, "role_label", roleLabel);
        temporary.ifPresent(label -> claim(users, "tmp_role_label", label));
        bootstrap.forEach(label -> claim(users, "bootstrap_labels", label));
    }

    private void claim(Map<String, String> users, String key, String label) {
        String other = users.putIfAbsent(label, s.key(key));
        if (other != null) {
            findings.add(s.key(key), "names label " + label + ", which " + other + " names too: take another one");
        }
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
                Optional<String> called = text(item, "name");
                Optional<String> protocol = text(item, "protocol");
                if (!item.isObject()
                        || port.filter(p -> p > 0 && p < 65536).isEmpty()
                        || called.filter(n -> !n.matches(PORT_NAME)).isPresent()
                        || protocol.filter(n -> !PROTOCOLS.contains(n)).isPresent()) {
                    s.problem(
                            "ports", "holds something that is not like {name: postgresql, port: 5432, protocol: TCP}");
                } else {
                    ports.add(new Port(port.get(), called, protocol));
                }
            }
            Set<String> names = new TreeSet<>();
            boolean apart = ports.stream().allMatch(p -> names.add(p.name().orElse("")));
            if (ports.size() > 1 && (!apart || names.contains(""))) {
                s.problem("ports", "has several ports: each needs a name of its own");
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
