package dev.matriarch.kubernetes;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.http.Budget;
import dev.matriarch.kubernetes.KubernetesApi.Forbidden;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * Reads and changes the objects of one kind in one namespace. A value that is empty in a map of annotations takes the annotation
 * away.
 */
final class KubeObjects {
    private static final JsonNodeFactory NODES = JsonNodeFactory.instance;

    private final KubernetesApi api;
    private final String folder;
    private final String kindName;
    private final Map<String, String> labels;

    /**
     * @param kind as in paths: {@code configmaps}
     * @param labels by which objects are found, and which new ones have
     */
    KubeObjects(KubernetesApi api, String namespace, String kind, String kindName, Map<String, String> labels) {
        this.api = api;
        this.folder = "/api/v1/namespaces/" + encoded(namespace) + "/" + kind;
        this.kindName = kindName;
        this.labels = labels;
    }

    static String encoded(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8).replace("+", "%20");
    }

    /** @param version of the whole: nothing in it is newer */
    record Listed(long version, Map<String, KubeObject> byName) {
        Optional<KubeObject> get(String name) {
            return Optional.ofNullable(byName.get(name));
        }

        /** The version of the object that was changed last; 0: there is none. */
        long newest() {
            return byName.values().stream().mapToLong(KubeObject::version).max().orElse(0);
        }
    }

    /** As the majority of the store behind the API server has them: without a version it is not asked for what it remembers. */
    Listed list(Budget budget) throws DcsException {
        return list("", budget);
    }

    /** As the API server remembers them: a little old perhaps, but at no cost to the store behind it. */
    Listed listRemembered(Budget budget) throws DcsException {
        return list("&resourceVersion=0", budget);
    }

    private Listed list(String how, Budget budget) throws DcsException {
        String selector = labels.entrySet().stream()
                .map(l -> l.getKey() + "=" + l.getValue())
                .collect(Collectors.joining(","));
        JsonNode answer = api.get(folder + "?labelSelector=" + encoded(selector) + how, budget);
        try {
            if (!answer.path("items").isArray()) {
                throw new NumberFormatException("no list");
            }
            Map<String, KubeObject> found = new LinkedHashMap<>();
            for (JsonNode item : answer.path("items")) {
                KubeObject object = KubeObject.of(item);
                found.put(object.name(), object);
            }
            return new Listed(
                    Long.parseLong(
                            answer.path("metadata").path("resourceVersion").asText("")),
                    found);
        } catch (NumberFormatException e) {
            throw new DcsException(
                    "what " + api.address() + " answers to a list of " + kindName + " cannot be understood: "
                            + e.getMessage(),
                    e);
        }
    }

    Optional<KubeObject> get(String name, Budget budget) throws DcsException {
        try {
            return Optional.of(understood(api.get(folder + "/" + encoded(name), budget)));
        } catch (Refusal e) {
            if (e.code() == Refusal.NOT_FOUND) {
                return Optional.empty();
            }
            throw e;
        }
    }

    /** What a change writes besides annotations. */
    record Extra(Optional<JsonNode> subsets, Map<String, Optional<String>> labels) {
        static final Extra NONE = new Extra(Optional.empty(), Map.of());

        static Extra of(Optional<JsonNode> subsets) {
            return new Extra(subsets, Map.of());
        }
    }

    /**
     * Changes an object if it still is as it was, or makes it if there was none.
     *
     * @return empty: somebody else has changed, made or removed it since
     */
    Optional<KubeObject> change(
            String name,
            Optional<KubeObject> was,
            Map<String, Optional<String>> annotations,
            Extra extra,
            Forbidden forbidden,
            Budget budget)
            throws DcsException {
        try {
            if (was.isEmpty()) {
                return Optional.of(understood(api.post(folder, fresh(name, annotations, extra), forbidden, budget)));
            }
            ObjectNode patch = patch(annotations, extra);
            ObjectNode metadata = patch.withObject("/metadata");
            metadata.put("resourceVersion", Long.toString(was.get().version()));
            if (!was.get().labels().entrySet().containsAll(labels.entrySet())) {
                ObjectNode wanted = metadata.withObject("/labels");
                labels.forEach(wanted::put);
            }
            return Optional.of(understood(api.patch(folder + "/" + encoded(name), patch, forbidden, budget)));
        } catch (Refusal e) {
            if (e.code() == Refusal.NOT_FOUND && was.isPresent()) {
                return Optional.empty();
            }
            if (e.code() != Refusal.CONFLICT) {
                throw e;
            }
            if (!e.mayBeOwnDoing()) {
                // However equal: it is somebody else's.
                return Optional.empty();
            }
            return now(name, budget)
                    .filter(o -> shows(o, annotations)
                            && !was.map(KubeObject::version).equals(Optional.of(o.version())));
        }
    }

    /** After a change that may have been made: a refusal to show it is none of the change. */
    private Optional<KubeObject> now(String name, Budget budget) throws DcsException {
        try {
            return get(name, budget);
        } catch (Refusal e) {
            throw new DcsException(e.getMessage() + "; whether " + name + " was changed is not known", e);
        }
    }

    /** Changes an object whatever it is like; it has to be there. */
    KubeObject touch(String name, Map<String, Optional<String>> annotations, Extra extra, Budget budget)
            throws DcsException {
        return understood(
                api.patch(folder + "/" + encoded(name), patch(annotations, extra), Forbidden.AT_ONCE, budget));
    }

    /** @return false: somebody else has changed it since */
    boolean remove(KubeObject was, Budget budget) throws DcsException {
        ObjectNode options = NODES.objectNode();
        options.put("apiVersion", "v1").put("kind", "DeleteOptions");
        options.putObject("preconditions").put("resourceVersion", Long.toString(was.version()));
        try {
            api.delete(folder + "/" + encoded(was.name()), options, budget);
            return true;
        } catch (Refusal e) {
            if (e.code() == Refusal.NOT_FOUND) {
                return true;
            }
            if (e.code() == Refusal.CONFLICT) {
                return false;
            }
            throw e;
        }
    }

    private static boolean shows(KubeObject object, Map<String, Optional<String>> annotations) {
        for (Map.Entry<String, Optional<String>> wanted : annotations.entrySet()) {
            if (!object.annotation(wanted.getKey()).equals(wanted.getValue())) {
                return false;
            }
        }
        return true;
    }

    private ObjectNode fresh(String name, Map<String, Optional<String>> annotations, Extra extra) {
        ObjectNode object = NODES.objectNode();
        object.put("apiVersion", "v1").put("kind", kindName);
        ObjectNode metadata = object.putObject("metadata").put("name", name);
        ObjectNode marks = metadata.putObject("labels");
        labels.forEach(marks::put);
        ObjectNode values = metadata.putObject("annotations");
        annotations.forEach((key, value) -> value.ifPresent(v -> values.put(key, v)));
        extra.subsets().ifPresent(s -> object.set("subsets", s));
        return object;
    }

    private static ObjectNode patch(Map<String, Optional<String>> annotations, Extra extra) {
        ObjectNode patch = NODES.objectNode();
        ObjectNode metadata = patch.putObject("metadata");
        put(metadata, "annotations", annotations);
        put(metadata, "labels", extra.labels());
        extra.subsets().ifPresent(s -> patch.set("subsets", s));
        return patch;
    }

    private static void put(ObjectNode metadata, String field, Map<String, Optional<String>> values) {
        if (!values.isEmpty()) {
            ObjectNode node = metadata.putObject(field);
            values.forEach((key, value) -> node.put(key, value.orElse(null)));
        }
    }

    private KubeObject understood(JsonNode json) throws DcsException {
        try {
            return KubeObject.of(json);
        } catch (NumberFormatException e) {
            throw new DcsException("what " + api.address() + " answers about a " + kindName
                    + " cannot be understood: it has no resourceVersion that is a number");
        }
    }
}
