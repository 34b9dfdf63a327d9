package dev.matriarch.ctl;

import dev.matriarch.proto.control.v1.GetPlaceRequest;
import dev.matriarch.proto.control.v1.MemberAddress;
import dev.matriarch.proto.control.v1.MoveServiceGrpc;
import dev.matriarch.proto.control.v1.Place;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * All members of a cluster, each asked by itself: in the middle of a move no store knows them all. Who was heard of once is
 * asked until the end.
 */
final class MoveLook {
    private static final Duration QUICK = Duration.ofSeconds(4);
    private static final Duration THOROUGH = Duration.ofSeconds(20);

    private final Agents agents;
    private final List<Settings.Endpoint> endpoints;
    private final Optional<String> scope;
    /** Name to address, empty for who has none. */
    private final Map<String, String> known = new TreeMap<>();

    private final Map<String, Settings.Endpoint> answeredAt = new HashMap<>();

    MoveLook(Agents agents, Settings settings) {
        this.agents = agents;
        this.endpoints = settings.endpoints();
        this.scope = settings.scope();
    }

    /**
     * @param examine for obstacles too
     * @throws CtlException if nobody has ever answered
     */
    List<MovePlan.Member> members(String target, boolean examine) throws InterruptedException {
        GetPlaceRequest question = GetPlaceRequest.newBuilder()
                .setTarget(target)
                .setExamine(examine)
                .build();
        Duration patience = examine ? THOROUGH : QUICK;
        Map<Settings.Endpoint, String> failures = new HashMap<>();
        Map<String, Place> places = new TreeMap<>();
        List<Settings.Endpoint> next = new ArrayList<>(endpoints);
        known.values().stream().filter(a -> !a.isEmpty()).map(MoveLook::parsed).forEach(a -> add(next, a));
        List<Settings.Endpoint> asked = new ArrayList<>();
        while (!next.isEmpty()) {
            asked.addAll(next);
            ask(next, question, patience, failures).forEach((endpoint, place) -> {
                check(endpoint, place);
                places.put(place.getName(), place);
                answeredAt.put(place.getName(), endpoint);
                known.putIfAbsent(place.getName(), endpoint.toString());
                place.getMembersList().forEach(this::learn);
                place.getTakingPartList().forEach(this::learn);
            });
            next.clear();
            known.forEach((name, address) -> {
                if (!address.isEmpty() && !places.containsKey(name) && !asked.contains(parsed(address))) {
                    add(next, parsed(address));
                }
            });
        }
        if (known.isEmpty()) {
            StringBuilder nobody = new StringBuilder("no agent answered:");
            failures.forEach(
                    (e, why) -> nobody.append("\n  ").append(e).append(": ").append(why));
            throw new CtlException(CtlException.NOBODY_REACHABLE, nobody.toString());
        }
        return known.entrySet().stream()
                .map(e -> new MovePlan.Member(
                        e.getKey(),
                        e.getValue(),
                        Optional.ofNullable(places.get(e.getKey())),
                        e.getValue().isEmpty()
                                ? ""
                                : failures.getOrDefault(parsed(e.getValue()), "another member answers at its address")))
                .toList();
    }

    /** An agent that was asked by another address may publish none that can be reached from here. */
    private void learn(MemberAddress member) {
        String before = known.get(member.getName());
        if (before == null || before.isEmpty()) {
            known.put(member.getName(), member.getRpcAddress());
        }
    }

    private static void add(List<Settings.Endpoint> all, Settings.Endpoint one) {
        if (!all.contains(one)) {
            all.add(one);
        }
    }

    private static Settings.Endpoint parsed(String address) {
        return Settings.Endpoint.parse(address, -1, "the address of a member");
    }

    private Map<Settings.Endpoint, Place> ask(
            List<Settings.Endpoint> all,
            GetPlaceRequest question,
            Duration patience,
            Map<Settings.Endpoint, String> failures)
            throws InterruptedException {
        Map<Settings.Endpoint, Future<Place>> asked = new HashMap<>();
        all.forEach(e -> asked.put(
                e,
                MoveServiceGrpc.newFutureStub(agents.to(e))
                        .withDeadlineAfter(patience.toMillis(), TimeUnit.MILLISECONDS)
                        .getPlace(question)));
        Map<Settings.Endpoint, Place> answers = new HashMap<>();
        for (Map.Entry<Settings.Endpoint, Future<Place>> one : asked.entrySet()) {
            try {
                // The call has a deadline of its own.
                answers.put(one.getKey(), one.getValue().get(patience.toMillis() + 1000, TimeUnit.MILLISECONDS));
            } catch (ExecutionException e) {
                failures.put(one.getKey(), words(e.getCause()));
            } catch (TimeoutException e) {
                failures.put(one.getKey(), "no answer in time");
            }
        }
        return answers;
    }

    private String words(Throwable failure) {
        return Status.fromThrowable(failure).getCode() == Status.Code.UNIMPLEMENTED
                ? "it runs an older version, which knows nothing of moves"
                : agents.words(failure);
    }

    private void check(Settings.Endpoint endpoint, Place place) {
        if (scope.filter(s -> !s.equals(place.getScope())).isPresent()) {
            throw CtlException.refused("the agent at " + endpoint + " belongs to cluster '" + place.getScope()
                    + "', the configuration names '" + scope.get() + "'");
        }
    }

    /** @throws CtlException if this member has not answered yet */
    ManagedChannel channel(String member) {
        return Optional.ofNullable(answeredAt.get(member))
                .map(agents::to)
                .orElseThrow(() -> CtlException.refused(member + " has not answered"));
    }
}
