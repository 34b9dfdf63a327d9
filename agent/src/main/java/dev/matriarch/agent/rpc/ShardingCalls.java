package dev.matriarch.agent.rpc;

import dev.matriarch.agent.config.HostPort;
import dev.matriarch.agent.sharding.Event;
import dev.matriarch.agent.sharding.Sharding;
import dev.matriarch.agent.sharding.Sharding.Announcement;
import dev.matriarch.agent.sharding.Sharding.Answer;
import dev.matriarch.agent.sharding.Sharding.EventAnswer;
import dev.matriarch.proto.sharding.v1.AnnounceRequest;
import dev.matriarch.proto.sharding.v1.EventRequest;
import dev.matriarch.proto.sharding.v1.ShardingServiceGrpc;
import dev.matriarch.proto.sharding.v1.ShardingServiceGrpc.ShardingServiceFutureStub;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Function;

/** Calls of a worker's agent to the agents of the coordinator. */
public final class ShardingCalls implements Sharding.CoordinatorCalls {
    private final Peers peers;
    private final List<HostPort> coordinator;

    /** @param coordinator gRPC doors of the coordinator group's members */
    public ShardingCalls(Peers peers, List<HostPort> coordinator) {
        this.peers = peers;
        this.coordinator = List.copyOf(coordinator);
    }

    @Override
    public List<Answer> announce(Announcement announcement, Duration timeout) {
        AnnounceRequest request = AnnounceRequest.newBuilder()
                .setScope(announcement.scope())
                .setDatabase(announcement.database())
                .setGroup(ShardingForm.group(announcement.group()))
                .setLeads(announcement.leads())
                .build();
        List<Answer> answers = new ArrayList<>();
        try {
            askAll(timeout, stub -> stub.announce(request), reply -> {
                answers.add(
                        new Answer(reply.getLeads(), reply.getProblem(), ShardingForm.groups(reply.getGroupsList())));
                return false;
            });
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        return answers;
    }

    @Override
    public EventAnswer event(String scope, Event event, Duration timeout) throws InterruptedException {
        EventRequest request = EventRequest.newBuilder()
                .setScope(scope)
                .setGroup(event.group())
                .setType(event.type().text())
                .setLeader(ShardingForm.node(event.leader()))
                .setEpoch(event.epoch())
                .setTimeoutMillis(event.timeout().toMillis())
                .setCooldownMillis(event.cooldown().toMillis())
                .build();
        List<EventAnswer> leaders = new ArrayList<>();
        askAll(timeout, stub -> stub.event(request), reply -> {
            if (reply.getLeads()) {
                leaders.add(new EventAnswer(true, reply.getProblem()));
            }
            return reply.getLeads();
        });
        return leaders.isEmpty()
                ? new EventAnswer(false, "none of " + coordinator + " says that it leads the coordinator's group")
                : leaders.getFirst();
    }

    /** @param enough told of each reply; true: the others need not be waited for */
    private <R> void askAll(
            Duration timeout, Function<ShardingServiceFutureStub, Future<R>> question, Function<R, Boolean> enough)
            throws InterruptedException {
        long deadline = System.nanoTime() + timeout.toNanos();
        List<Future<R>> asked = new ArrayList<>();
        for (HostPort address : coordinator) {
            try {
                asked.add(question.apply(ShardingServiceGrpc.newFutureStub(peers.channel(address))
                        .withDeadlineAfter(timeout.toNanos(), TimeUnit.NANOSECONDS)));
            } catch (IllegalArgumentException | IllegalStateException e) {
                // Shutting down, or no address: an answer less.
                continue;
            }
        }
        boolean done = false;
        for (Future<R> one : asked) {
            try {
                if (done) {
                    one.cancel(true);
                } else {
                    done = enough.apply(one.get(Math.max(0, deadline - System.nanoTime()), TimeUnit.NANOSECONDS));
                }
            } catch (ExecutionException | TimeoutException e) {
                one.cancel(true);
            }
        }
    }
}
