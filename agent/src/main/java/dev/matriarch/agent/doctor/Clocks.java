package dev.matriarch.agent.doctor;

import dev.matriarch.agent.config.HostPort;
import dev.matriarch.agent.rpc.Peers;
import dev.matriarch.dcs.Member;
import dev.matriarch.proto.control.v1.ClockFacts;
import dev.matriarch.proto.control.v1.DoctorServiceGrpc;
import dev.matriarch.proto.control.v1.GetClockReply;
import dev.matriarch.proto.control.v1.GetClockRequest;
import dev.matriarch.proto.control.v1.ReachFacts;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/** How far another member's clock is ahead, and whether its control port answers. */
final class Clocks {
    private static final Duration ONE = Duration.ofMillis(1500);
    private static final int SAMPLES = 3;

    private Clocks() {}

    /** @param clock absent: not known */
    record Seen(ReachFacts reach, Optional<ClockFacts> clock) {}

    static long micros(Instant instant) {
        return instant.getEpochSecond() * 1_000_000 + instant.getNano() / 1000;
    }

    /** Asks several times; the shortest way there and back tells most. Ends within two seconds or so. */
    static Seen compare(Peers peers, Member other, String scope) {
        ReachFacts.Builder reach = ReachFacts.newBuilder()
                .setMember(other.name())
                .setDoor("control")
                .setAddress(other.rpcAddress());
        long began = System.nanoTime();
        Optional<ClockFacts> best = Optional.empty();
        try {
            for (int i = 0; i < SAMPLES && System.nanoTime() - began < ONE.toNanos(); i++) {
                Instant before = Instant.now();
                long sent = System.nanoTime();
                GetClockReply reply = DoctorServiceGrpc.newBlockingStub(
                                peers.channel(HostPort.parse(other.rpcAddress(), 0)))
                        .withDeadlineAfter(ONE.toNanos(), TimeUnit.NANOSECONDS)
                        .getClock(GetClockRequest.newBuilder().setScope(scope).build());
                long wayMicros = (System.nanoTime() - sent) / 1000;
                if (i == 0) {
                    reach.setMillis(wayMicros / 1000);
                }
                if (!reply.getName().equals(other.name())) {
                    return new Seen(
                            reach.setProblem("it is answered by member '" + reply.getName() + "'")
                                    .build(),
                            Optional.empty());
                }
                ClockFacts sample = ClockFacts.newBuilder()
                        .setMember(other.name())
                        .setAheadMicros(reply.getEpochMicros() - (micros(before) + wayMicros / 2))
                        .setUncertainMicros(wayMicros / 2)
                        .build();
                if (best.isEmpty() || sample.getUncertainMicros() < best.get().getUncertainMicros()) {
                    best = Optional.of(sample);
                }
            }
        } catch (StatusRuntimeException e) {
            boolean older = e.getStatus().getCode() == Status.Code.UNIMPLEMENTED;
            if (best.isEmpty() && !older) {
                reach.setProblem(Peers.reason(e)).setMillis((System.nanoTime() - began) / 1_000_000);
            }
        } catch (IllegalArgumentException | IllegalStateException e) {
            reach.setProblem(String.valueOf(e.getMessage()));
        }
        return new Seen(reach.build(), best);
    }
}
