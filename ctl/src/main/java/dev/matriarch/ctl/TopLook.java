package dev.matriarch.ctl;

import dev.matriarch.proto.control.v1.GetClusterReply;
import dev.matriarch.proto.control.v1.MemberRow;
import dev.matriarch.proto.watch.v1.Event;
import dev.matriarch.proto.watch.v1.EventsReply;
import dev.matriarch.proto.watch.v1.MemberPulse;
import dev.matriarch.proto.watch.v1.PulseReply;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * What {@code top} knows at one moment. Pure.
 *
 * @param parts the cluster, or the groups of a Citus database; at least one
 * @param silent why groups do not answer, by their numbers
 */
record TopLook(List<Part> parts, SortedMap<Integer, String> silent) {
    TopLook {
        parts = List.copyOf(parts);
        silent = new TreeMap<>(silent);
    }

    /** Of groups that do not answer, in a sentence each. */
    List<String> problems() {
        return CitusWatch.problems(silent);
    }

    /** @param group null: the cluster stands alone */
    record Part(Integer group, GetClusterReply cluster, PulseReply pulses, EventsReply events) {
        Map<String, MemberPulse> pulsesByName() {
            return pulses.getMembersList().stream()
                    .collect(Collectors.toMap(MemberPulse::getName, Function.identity(), (a, b) -> a));
        }
    }

    /** @param group null: the cluster stands alone */
    record Happened(Integer group, Event event) {}

    boolean ofCitus() {
        return parts.getFirst().group() != null;
    }

    String scope() {
        return parts.getFirst().cluster().getScope();
    }

    /** Of all parts, the oldest first. */
    List<Happened> events() {
        List<Happened> all = new ArrayList<>();
        for (Part part : parts) {
            part.events().getEventsList().forEach(event -> all.add(new Happened(part.group(), event)));
        }
        if (parts.size() > 1) {
            all.sort(Comparator.comparingLong(h -> h.event().getAtMillis()));
        }
        return all;
    }

    /** For programs. */
    Map<String, Object> document(Instant now) {
        Map<String, Object> whole = new LinkedHashMap<>();
        whole.put("time", now.toString());
        whole.put("cluster", scope());
        List<Object> members = new ArrayList<>();
        for (Part part : parts) {
            Map<String, MemberPulse> pulses = part.pulsesByName();
            part.cluster().getMembersList().forEach(m -> members.add(member(part.group(), m, pulses.get(m.getName()))));
        }
        if (ofCitus()) {
            whole.put("groups", groups());
        } else {
            GetClusterReply cluster = parts.getFirst().cluster();
            whole.put("paused", cluster.getPaused());
            whole.put("guarantee", cluster.getGuarantee());
        }
        whole.put("members", members);
        List<Object> events = new ArrayList<>();
        for (Happened one : events()) {
            Map<String, Object> event = new LinkedHashMap<>();
            if (one.group() != null) {
                event.put("group", one.group());
            }
            event.put("time", Instant.ofEpochMilli(one.event().getAtMillis()).toString());
            event.put("member", one.event().getMember());
            event.put("kind", one.event().getKind());
            event.put("event", one.event().getWhat());
            events.add(event);
        }
        whole.put("events", events);
        whole.put("problems", problems());
        return whole;
    }

    /** Also those that are silent: whoever looks one up finds it. */
    private List<Object> groups() {
        SortedMap<Integer, Object> groups = new TreeMap<>();
        for (Part part : parts) {
            groups.put(
                    part.group(),
                    group(
                            part.group(),
                            part.cluster().getPaused(),
                            part.cluster().getGuarantee(),
                            null));
        }
        silent.forEach((number, why) -> groups.put(number, group(number, null, null, why)));
        return List.copyOf(groups.values());
    }

    private static Map<String, Object> group(Integer number, Boolean paused, String guarantee, String problem) {
        Map<String, Object> group = new LinkedHashMap<>();
        group.put("group", number);
        group.put("paused", paused);
        group.put("guarantee", guarantee);
        group.put("problem", problem);
        return group;
    }

    private static Map<String, Object> member(Integer group, MemberRow member, MemberPulse pulse) {
        Map<String, Object> one = new LinkedHashMap<>();
        if (group != null) {
            one.put("group", group);
        }
        one.put("name", member.getName());
        one.put("role", member.getRole());
        one.put("state", member.getState());
        one.put("timeline", member.hasTimeline() ? member.getTimeline() : null);
        one.put("lag_bytes", member.hasReplayLag() ? member.getReplayLag() : null);
        one.put("pending_restart", member.getPendingRestart());
        boolean known = pulse != null && pulse.getProblem().isEmpty();
        one.put("lease_ms", known && pulse.hasLeaseMillis() ? pulse.getLeaseMillis() : null);
        one.put("ttl_ms", known ? pulse.getTtlMillis() : null);
        one.put("guarded", known ? pulse.getGuarded() : null);
        one.put("watchdog", known ? pulse.getWatchdog() : null);
        one.put("doing", known ? pulse.getLastDecision() : null);
        one.put("problem", pulse == null ? "unknown" : pulse.getProblem());
        return one;
    }
}
