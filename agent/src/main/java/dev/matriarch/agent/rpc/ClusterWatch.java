package dev.matriarch.agent.rpc;

import dev.matriarch.agent.recorder.Event;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Measure;
import dev.matriarch.dcs.Member;
import dev.matriarch.proto.watch.v1.EventsReply;
import dev.matriarch.proto.watch.v1.EventsRequest;
import dev.matriarch.proto.watch.v1.MemberPulse;
import dev.matriarch.proto.watch.v1.PulseReply;
import dev.matriarch.proto.watch.v1.PulseRequest;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** What all members say of themselves, for those who only look. Any thread; each call ends within its timeout. */
public final class ClusterWatch {
    /** Clocks of different hosts and heartbeats at different moments: the same news is not news again. */
    private static final long SAME_NEWS_MILLIS = 15_000;

    static final int MOST_EVENTS = 1000;
    private static final int LONGEST_SENTENCE = 2000;

    private final LocalAgent agent;
    private final Peers peers;

    ClusterWatch(LocalAgent agent, Peers peers) {
        this.agent = agent;
        this.peers = peers;
    }

    /** This member's own; at once. */
    MemberPulse ownPulse() {
        Pulse pulse = agent.pulse();
        MemberPulse.Builder reply = MemberPulse.newBuilder()
                .setName(agent.name())
                .setTtlMillis(agent.dynamicConfig().ttl().toMillis())
                .setGuarded(pulse.guarded())
                .setWatchdog(pulse.watchdog())
                .setLateMillis(pulse.late().toMillis())
                .setLastDecision(shortened(pulse.lastDecision()))
                .setState(pulse.state());
        pulse.lease().ifPresent(left -> reply.setLeaseMillis(left.toMillis()));
        for (Measure measure : pulse.store()) {
            // What has labels or is a histogram is for machines.
            if (measure instanceof Measure.Gauge gauge && gauge.labels().isEmpty()) {
                reply.putStore(gauge.name(), gauge.value());
            }
        }
        return reply.build();
    }

    /** Every member's, by name. */
    public List<MemberPulse> pulses(Duration timeout) {
        Map<String, MemberPulse> all = new TreeMap<>();
        PulseRequest request = PulseRequest.newBuilder().setOwn(true).build();
        peers.watch(others(), timeout, stub -> stub.pulse(request), ClusterWatch::name)
                .forEach((name, heard) -> all.put(
                        name,
                        heard.reply()
                                .map(r -> r.getMembers(0))
                                .orElseGet(() -> MemberPulse.newBuilder()
                                        .setName(name)
                                        .setProblem(heard.whyNot())
                                        .build())));
        all.put(agent.name(), ownPulse());
        return List.copyOf(all.values());
    }

    private static String name(PulseReply reply) {
        return reply.getMembersCount() == 1 ? reply.getMembers(0).getName() : "";
    }

    /** This member's own, oldest first. */
    EventsReply ownEvents(Instant since, int most) {
        EventsReply.Builder reply = EventsReply.newBuilder().setName(agent.name());
        for (Event event : agent.events(since, Math.min(most <= 0 ? MOST_EVENTS : most, MOST_EVENTS))) {
            reply.addEvents(dev.matriarch.proto.watch.v1.Event.newBuilder()
                    .setAtMillis(event.at().toEpochMilli())
                    .setMember(agent.name())
                    .setKind(event.kind().word())
                    .setWhat(shortened(event.what()))
                    .setShared(event.shared()));
        }
        return reply.build();
    }

    private static String shortened(String sentence) {
        return sentence.length() <= LONGEST_SENTENCE ? sentence : sentence.substring(0, LONGEST_SENTENCE) + "…";
    }

    /** Every member's, oldest first; what all of them saw is there once. */
    public EventsReply events(Instant since, int most, Duration timeout) {
        EventsReply.Builder reply = EventsReply.newBuilder().setName(agent.name());
        List<dev.matriarch.proto.watch.v1.Event> all =
                new ArrayList<>(ownEvents(since, most).getEventsList());
        EventsRequest request = EventsRequest.newBuilder()
                .setOwn(true)
                .setSinceMillis(since.toEpochMilli())
                .setMost(most)
                .build();
        peers.watch(others(), timeout, stub -> stub.events(request), EventsReply::getName)
                .forEach((name, heard) -> heard.reply()
                        .ifPresentOrElse(
                                r -> all.addAll(r.getEventsList()), () -> reply.putUnreachable(name, heard.whyNot())));
        return reply.addAllEvents(merged(all)).build();
    }

    /** In order of time; what several members saw is there once. */
    public static List<dev.matriarch.proto.watch.v1.Event> merged(List<dev.matriarch.proto.watch.v1.Event> all) {
        List<dev.matriarch.proto.watch.v1.Event> sorted = all.stream()
                .sorted(Comparator.comparingLong(dev.matriarch.proto.watch.v1.Event::getAtMillis)
                        .thenComparing(dev.matriarch.proto.watch.v1.Event::getMember))
                .toList();
        Map<String, Long> told = new HashMap<>();
        List<dev.matriarch.proto.watch.v1.Event> merged = new ArrayList<>();
        for (dev.matriarch.proto.watch.v1.Event event : sorted) {
            if (event.getShared()) {
                Long last = told.put(event.getWhat(), event.getAtMillis());
                if (last != null && event.getAtMillis() - last <= SAME_NEWS_MILLIS) {
                    continue;
                }
            }
            merged.add(event);
        }
        return merged;
    }

    private List<Member> others() {
        return agent.view().map(ClusterView::members).orElse(List.of()).stream()
                .filter(m -> !m.name().equals(agent.name()))
                .toList();
    }
}
