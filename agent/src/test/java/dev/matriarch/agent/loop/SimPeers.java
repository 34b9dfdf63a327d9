package dev.matriarch.agent.loop;

import dev.matriarch.agent.ha.Survey;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.sim.Network;
import dev.matriarch.sim.SimHost;
import dev.matriarch.sim.World;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Consumer;

/** What a simulated agent asks the others over the simulated network. Whatever comes too late is not heard any more. */
final class SimPeers {
    private static final long PATIENCE = 800_000_000L;

    private final SimHost host;
    private final World world;
    private final SimAgent agent;

    SimPeers(SimHost host, SimAgent agent) {
        this.host = host;
        this.world = host.world();
        this.agent = agent;
    }

    /** @param then told once whether all of them have promised in time */
    void promises(Set<String> members, Duration ttl, long within, Consumer<Boolean> then) {
        Set<String> missing = new TreeSet<>(members);
        boolean[] over = {false};
        Runnable finish = () -> {
            if (!over[0]) {
                over[0] = true;
                then.accept(missing.isEmpty());
            }
        };
        Network network = world.network();
        for (String name : members) {
            int peer = world.index(name);
            network.send(Network.AGENTS, host.index(), peer, () -> {
                SimHost other = world.host(peer);
                if (other.agentRuns() && other.agent().promise(host.name(), ttl)) {
                    network.send(
                            Network.AGENTS,
                            peer,
                            host.index(),
                            () -> agent.run(() -> {
                                if (!over[0] && missing.remove(name) && missing.isEmpty()) {
                                    finish.run();
                                }
                            }));
                }
            });
        }
        if (members.isEmpty()) {
            agent.after(0, finish);
        }
        agent.after(Math.min(PATIENCE, within), finish);
    }

    /**
     * @param known who has an address
     * @param then told once what they answered in time
     */
    void survey(Set<String> members, Optional<ClusterView> known, Consumer<Survey> then) {
        List<Survey.Answer> answers = new ArrayList<>();
        Set<String> missing = new TreeSet<>(members);
        boolean[] over = {false};
        Runnable finish = () -> {
            if (!over[0]) {
                over[0] = true;
                missing.forEach(name -> answers.add(Survey.Answer.unreachable(name)));
                then.accept(new Survey(answers));
            }
        };
        Network network = world.network();
        for (String name : members) {
            int peer = world.index(name);
            if (peer < 0 || known.flatMap(v -> v.member(name)).isEmpty()) {
                continue;
            }
            network.send(Network.AGENTS, host.index(), peer, () -> {
                SimHost other = world.host(peer);
                if (!other.agentRuns()) {
                    return;
                }
                other.agent()
                        .position()
                        .ifPresent(answer -> network.send(
                                Network.AGENTS,
                                peer,
                                host.index(),
                                () -> agent.run(() -> {
                                    if (!over[0] && missing.remove(name)) {
                                        answers.add(answer);
                                        if (missing.isEmpty()) {
                                            finish.run();
                                        }
                                    }
                                })));
            });
        }
        agent.after(PATIENCE, finish);
    }
}
