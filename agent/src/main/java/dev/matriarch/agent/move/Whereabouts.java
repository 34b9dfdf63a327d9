package dev.matriarch.agent.move;

import dev.matriarch.agent.config.ConfigProblems;
import dev.matriarch.agent.config.ConfigSource;
import dev.matriarch.agent.config.DynamicConfig;
import dev.matriarch.agent.config.HostPort;
import dev.matriarch.agent.config.RaftConfig;
import dev.matriarch.agent.config.StorePin;
import dev.matriarch.agent.rpc.LocalAgent;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.FailoverRequest;
import dev.matriarch.dcs.Leader;
import dev.matriarch.dcs.MovedAway;
import dev.matriarch.dcs.Versioned;
import dev.matriarch.proto.control.v1.MemberAddress;
import dev.matriarch.proto.control.v1.Place;
import java.util.Optional;

/** What this member says of where it stands, from which the next step of a move is planned. Any thread. */
final class Whereabouts {
    private final ConfigSource source;
    private final LocalAgent agent;
    private final MoveNote note;

    Whereabouts(ConfigSource source, LocalAgent agent, MoveNote note) {
        this.source = source;
        this.agent = agent;
        this.note = note;
    }

    /**
     * @param read the store in use, now; empty: it does not answer
     * @param paused said by the store and heard, and so that the next life of this agent begins with it
     */
    Place.Builder of(Optional<ClusterView> read, boolean paused) {
        ClusterView view = read.or(() -> agent.view()).orElseGet(ClusterView::empty);
        DynamicConfig dynamic = agent.dynamicConfig();
        Optional<MovedAway> away = MovedAway.of(view);
        StorePin noted = note.pin();
        Place.Builder place = Place.newBuilder()
                .setScope(agent.scope())
                .setName(agent.name())
                .setVersion(agent.version())
                .setStore(source.current().config().store().section())
                .setMovingFrom(noted.settled() ? "" : noted.from())
                .setSystemIdentifier(agent.postgres().systemIdentifier().orElse(""))
                .setPaused(paused)
                .setLeads(agent.holdsLease() && agent.postgres().isPrimary())
                .setPrimary(agent.postgres().isPrimary())
                .setSeen(read.isPresent())
                .setLeader(view.leader().map(Leader::name).orElse(""))
                .setInitialize(view.initialize().map(Versioned::value).orElse(""))
                .setMovedTo(away.map(MovedAway::to).orElse(""))
                .setConfigThere(view.config().isPresent())
                .setMayOpen(note.mayOpen())
                .setPausedThere(MoveRules.isPaused(view).orElse(false))
                .setSyncThere(dynamic.synchronousMode() == DynamicConfig.SynchronousMode.OFF
                        || view.sync()
                                .map(s -> view.leader()
                                        .map(Leader::name)
                                        .equals(Optional.of(s.value().leader())))
                                .orElse(false))
                .setPendingSwitchover(
                        view.pendingFailover().map(f -> words(f.value())).orElse(""))
                .setResume(noted.resume() || away.filter(MovedAway::resume).isPresent());
        view.members().forEach(m -> place.addMembers(address(m.name(), m.rpcAddress())));
        noted.members().forEach((name, address) -> place.addTakingPart(address(name, address)));
        return place;
    }

    private static MemberAddress address(String name, String rpcAddress) {
        return MemberAddress.newBuilder()
                .setName(name)
                .setRpcAddress(rpcAddress)
                .build();
    }

    private static String words(FailoverRequest request) {
        return (request.isSwitchover() ? "a switchover" : "a failover")
                + request.candidate().map(c -> " to " + c).orElse("")
                + request.scheduledAt().map(at -> " at " + at).orElse("");
    }

    /** The peers that this member's configuration names, if the built-in store is the target. */
    void addPeers(String target, Place.Builder place) {
        try {
            if (target.equals("raft") && source.with(target).store() instanceof RaftConfig raft) {
                place.setRaftSelf(raft.selfAddress().toString());
                raft.partners().forEach(p -> place.addRaftPartners(p.toString()));
                Obstacles.answering(raft).stream().map(HostPort::toString).forEach(place::addRaftAnswering);
            }
        } catch (ConfigProblems named) {
            // Each of them is among the obstacles.
            return;
        }
    }
}
