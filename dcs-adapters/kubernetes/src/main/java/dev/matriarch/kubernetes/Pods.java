package dev.matriarch.kubernetes;

import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.Member;
import dev.matriarch.dcs.http.Budget;
import dev.matriarch.dcs.json.ClusterJson;
import dev.matriarch.dcs.json.ClusterKeys;
import dev.matriarch.kubernetes.KubeObjects.Extra;
import dev.matriarch.kubernetes.KubeObjects.Listed;
import dev.matriarch.kubernetes.KubernetesSettings.Roles;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The members' pods: a member's record is an annotation of its pod. A pod outlives a member that hangs, so ours write beside it
 * when they renewed it last and for how long; a record that has not changed for so long, by the clock of whoever looks,
 * is not shown. Records of Patroni's members, which say nothing of the kind, are there as long as their pods are.
 */
final class Pods {
    static final String STATUS = "status";
    static final String RENEWED = "matriarch.dev/renewed";
    static final String TTL = "matriarch.dev/ttl";
    /** A list of pods is used for no longer when no other can be had: by then the records in it would be over. */
    private static final Duration OLDEST = Duration.ofSeconds(30);

    private static final Logger LOG = LoggerFactory.getLogger(Pods.class);

    /** While its data is being made. */
    private static final Set<String> BOOTSTRAPPING = Set.of(
            "initializing new cluster",
            "running custom bootstrap script",
            "starting after custom bootstrap",
            "creating replica");

    private record Seen(String record, String renewed, long sinceNanos) {}

    private record Recent(Listed listed, long atNanos) {}

    private record Touched(String json, Map<String, Optional<String>> labels, Duration ttl, long atNanos) {}

    private final KubernetesSettings settings;
    private final KubeObjects objects;
    private final Map<String, Touched> touched = new ConcurrentHashMap<>();
    private Map<String, Seen> seen = new HashMap<>();
    private volatile Optional<Recent> recent = Optional.empty();
    private volatile boolean complained;
    private volatile Map<String, KubeObject> last = Map.of();

    Pods(KubernetesSettings settings, KubeObjects objects) {
        this.settings = settings;
        this.objects = objects;
    }

    /** Adds the records to the keys of a view. @return the pods */
    Listed read(Map<String, ClusterKeys.Stored> keys, Budget budget) throws DcsException {
        Listed listed = list(budget);
        show(listed, keys);
        return listed;
    }

    private synchronized void show(Listed listed, Map<String, ClusterKeys.Stored> keys) {
        long now = System.nanoTime();
        Map<String, Seen> current = new HashMap<>();
        for (KubeObject pod : listed.byName().values()) {
            Optional<String> record = pod.annotation(STATUS);
            if (record.isEmpty()) {
                continue;
            }
            String renewed = pod.annotation(RENEWED).orElse("");
            Seen before = seen.get(pod.name());
            boolean same = before != null
                    && before.record().equals(record.get())
                    && before.renewed().equals(renewed);
            Seen known = same ? before : new Seen(record.get(), renewed, now);
            current.put(pod.name(), known);
            if (renewed.isEmpty() || now - known.sinceNanos() < ttl(pod).toNanos()) {
                keys.put(ClusterKeys.member(pod.name()), new ClusterKeys.Stored(record.get(), pod.version()));
            }
        }
        seen = current;
        last = listed.byName();
    }

    /**
     * Lists are what a busy API server puts off first, and nothing that the lock's safety rests on is in this one: a leader is not to lose its
     * time for renewing over it.
     */
    private Listed list(Budget budget) throws DcsException {
        Optional<Listed> known = recent.filter(r -> System.nanoTime() - r.atNanos() < OLDEST.toNanos())
                .map(Recent::listed);
        try {
            Listed listed = objects.listRemembered(known.isPresent() ? new Budget(budget.share(3)) : budget);
            recent = Optional.of(new Recent(listed, System.nanoTime()));
            return listed;
        } catch (Refusal e) {
            throw e;
        } catch (DcsException e) {
            if (known.isEmpty() || Thread.currentThread().isInterrupted()) {
                throw e;
            }
            LOG.debug("the pods are not listed, those of the last list are used: {}", e.getMessage());
            return known.get();
        }
    }

    private static Duration ttl(KubeObject pod) {
        String text = pod.annotation(TTL).orElse("");
        return Duration.ofSeconds(text.matches("[0-9]{1,7}") ? Long.parseLong(text) : 30);
    }

    /** This member's own pod as it was listed last, or asked for now. */
    Optional<KubeObject> own(Budget budget) {
        KubeObject pod = last.get(settings.member());
        if (pod != null) {
            return Optional.of(pod);
        }
        try {
            return objects.get(settings.member(), budget);
        } catch (DcsException e) {
            return Optional.empty();
        }
    }

    /** @param leads whether this member holds the lock */
    void touch(Member member, boolean leads, Duration ttl, Budget budget) throws DcsException {
        String json = ClusterJson.writeMember(member);
        Map<String, Optional<String>> labels = labels(member, leads);
        Touched before = touched.get(member.name());
        long now = System.nanoTime();
        KubeObject shown = last.get(member.name());
        boolean stands = before != null
                && before.json().equals(json)
                && before.labels().equals(labels)
                && before.ttl().equals(ttl)
                && shown != null
                && shown.annotation(STATUS).equals(Optional.of(json));
        if (stands && now - before.atNanos() < ttl.toNanos() / 3) {
            return;
        }
        Map<String, Optional<String>> annotations = new LinkedHashMap<>();
        annotations.put(STATUS, Optional.of(json));
        annotations.put(
                RENEWED,
                Optional.of(Instant.now().truncatedTo(ChronoUnit.MICROS).toString()));
        annotations.put(TTL, Optional.of(Long.toString(KubernetesLock.seconds(ttl))));
        touched.remove(member.name());
        try {
            complainOf(objects.touch(member.name(), annotations, new Extra(Optional.empty(), labels), budget));
        } catch (Refusal e) {
            if (e.code() == Refusal.NOT_FOUND) {
                throw new DcsException(
                        "There is no pod " + member.name() + " in namespace " + settings.namespace()
                                + ": a member's name must be that of its pod (PATRONI_NAME from metadata.name)",
                        e);
            }
            throw e;
        }
        touched.put(member.name(), new Touched(json, labels, ttl, now));
    }

    /** Without them the pod is in nobody's list. */
    private void complainOf(KubeObject pod) {
        Map<String, String> wanted = settings.allLabels();
        boolean found = pod.labels().entrySet().containsAll(wanted.entrySet());
        if (!found && !complained) {
            LOG.warn(
                    "Pod {} has not all of the labels {}: no member sees this one, and nobody takes it for a candidate."
                            + " Give them to it, in the template of its StatefulSet, or change kubernetes.labels and scope_label",
                    pod.name(),
                    wanted);
        }
        complained = !found;
    }

    void forget() {
        touched.clear();
    }

    private Map<String, Optional<String>> labels(Member member, boolean leads) {
        Roles roles = settings.roles();
        Optional<String> role = Optional.empty();
        Optional<String> fixed = Optional.empty();
        if (leads) {
            role = Optional.of(member.role().equals("standby_leader") ? roles.standbyLeader() : roles.leader());
            fixed = Optional.of("primary");
        } else if (member.isRunning() && !member.isPrimary()) {
            role = Optional.of(member.role().equals("replica") ? roles.follower() : member.role());
            fixed = Optional.of(member.role());
        }
        Map<String, Optional<String>> labels = new LinkedHashMap<>();
        labels.put(roles.label(), role);
        Optional<String> tmpRole = fixed;
        roles.temporary().ifPresent(label -> labels.put(label, tmpRole));
        boolean begins = BOOTSTRAPPING.contains(member.state());
        settings.bootstrapLabels()
                .forEach((key, value) -> labels.put(key, begins ? Optional.of(value) : Optional.empty()));
        return labels;
    }
}
