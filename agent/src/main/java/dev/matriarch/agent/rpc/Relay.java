package dev.matriarch.agent.rpc;

import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Member;
import dev.matriarch.proto.control.v1.ActionReply;
import dev.matriarch.proto.control.v1.ControlServiceGrpc;
import io.grpc.StatusRuntimeException;
import java.time.Duration;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Supplier;

/** Has an operation done by the member that it is for: here, or by asking that one. On the thread of the call. */
final class Relay {
    private final LocalAgent agent;
    private final Supplier<Optional<ClusterView>> view;
    private final Peers peers;
    private final ActionLog actions;

    /** @param view of the cluster, for the members' addresses */
    Relay(LocalAgent agent, Supplier<Optional<ClusterView>> view, Peers peers, ActionLog actions) {
        this.agent = agent;
        this.view = view;
        this.peers = peers;
        this.actions = actions;
    }

    /** @param id may be empty */
    record Asked(String what, String id) {}

    /** @param name of a member; empty: this one */
    Addressee addressee(String name) {
        return Addressee.of(name, ForwardMark.isForwarded(), agent.name(), agent.scope(), view);
    }

    /** @param timeout of what is asked of another member */
    ActionReply give(
            String name,
            Asked asked,
            Duration timeout,
            Function<Progress, Outcome> here,
            Function<ControlServiceGrpc.ControlServiceBlockingStub, ActionReply> there) {
        return switch (addressee(name)) {
            case Addressee.Here() -> {
                ActionLog.Action action = actions.begin(asked.id(), asked.what() + " " + agent.name());
                yield action.end(here.apply(action));
            }
            case Addressee.Misdirected(String why) ->
                refused(new Outcome(502, why + "; nothing was done. Check control.connect_address of both."));
            case Addressee.Unknown(String why) -> refused(new Outcome(404, why));
            case Addressee.There(Member member) -> passOn(member, asked, timeout, there);
        };
    }

    private ActionReply passOn(
            Member member,
            Asked asked,
            Duration timeout,
            Function<ControlServiceGrpc.ControlServiceBlockingStub, ActionReply> there) {
        try {
            return there.apply(peers.control(member, timeout));
        } catch (StatusRuntimeException | IllegalArgumentException | IllegalStateException e) {
            String why = Peers.reason(e);
            if (PassedOn.surelyNotBegun(e)) {
                return refused(new Outcome(502, "member " + member.name() + " cannot be reached: " + why));
            }
            return refused(new Outcome(
                            503, "member " + member.name() + " gave no answer, and may have begun or done it: " + why))
                    .toBuilder()
                    .setActionId(asked.id())
                    .build();
        }
    }

    /** Without having begun anything. */
    static ActionReply refused(Outcome outcome) {
        return ActionReply.newBuilder()
                .setStatus(outcome.status())
                .setMessage(outcome.message())
                .build();
    }
}
