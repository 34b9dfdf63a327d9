package dev.matriarch.agent.rpc;

import dev.matriarch.agent.recorder.Event;
import dev.matriarch.dcs.Member;
import dev.matriarch.proto.watch.v1.EventsReply;
import dev.matriarch.proto.watch.v1.EventsRequest;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** Why a leader did not hand over: it is asked for what it decided. Any thread; each call ends in time. */
final class LeadersReason {
    private static final Duration ASK = Duration.ofSeconds(1);
    /** Clocks of different hosts differ a little; more than this, and there is no reason to be told. */
    private static final Duration CLOCKS = Duration.ofSeconds(2);

    private static final int MOST = 100;
    private static final Pattern REFUSAL = Pattern.compile("(?:no healthy members found, [a-z ]+ is not possible(?:: )?"
            + "|(?=leader name does not match: |I am already the leader, no need to |Found a stale "
            + "|(?:switchover|manual failover) is possible only to a specific candidate))(.*)");

    private final LocalAgent agent;
    private final Peers peers;

    LeadersReason(LocalAgent agent, Peers peers) {
        this.agent = agent;
        this.peers = peers;
    }

    /**
     * @param leader who removed the request
     * @param since when it was made, by this machine's wall clock
     * @return a sentence; empty if the leader does not tell
     */
    Optional<String> of(Member leader, Instant since) {
        Instant from = since.minus(CLOCKS);
        Stream<String> decisions = leader.name().equals(agent.name())
                ? agent.events(from, MOST).stream()
                        .filter(e -> e.kind() == Event.Kind.DECISION)
                        .map(Event::what)
                : asked(leader, from).getEventsList().stream()
                        .filter(e -> e.getKind().equals(Event.Kind.DECISION.word()))
                        .map(dev.matriarch.proto.watch.v1.Event::getWhat);
        return decisions.map(LeadersReason::refusal).flatMap(Optional::stream).reduce((first, last) -> last);
    }

    private EventsReply asked(Member leader, Instant from) {
        EventsRequest request = EventsRequest.newBuilder()
                .setOwn(true)
                .setSinceMillis(from.toEpochMilli())
                .setMost(MOST)
                .build();
        return peers.watch(List.of(leader), ASK, stub -> stub.events(request), EventsReply::getName)
                .get(leader.name())
                .reply()
                .orElseGet(EventsReply::getDefaultInstance);
    }

    private static Optional<String> refusal(String decision) {
        Matcher matcher = REFUSAL.matcher(decision);
        return matcher.matches()
                ? Optional.of(matcher.group(1).isEmpty() ? decision : matcher.group(1))
                : Optional.empty();
    }
}
