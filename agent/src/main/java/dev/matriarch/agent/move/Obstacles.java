package dev.matriarch.agent.move;

import dev.matriarch.agent.config.AgentConfig;
import dev.matriarch.agent.config.ConfigProblems;
import dev.matriarch.agent.config.ConfigSource;
import dev.matriarch.agent.config.HostPort;
import dev.matriarch.agent.config.Problem;
import dev.matriarch.agent.config.RaftConfig;
import dev.matriarch.agent.ha.LocalPostgres;
import dev.matriarch.agent.rpc.LocalAgent;
import dev.matriarch.dcs.Dcs;
import dev.matriarch.dcs.MovedAway;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** What stands in the way of a move on this member. Looks and changes nothing; takes some seconds. */
final class Obstacles {
    private static final int CONNECT_MILLIS = 700;

    private final ConfigSource source;
    private final LocalAgent agent;
    private final MoveEndpoint.Opener opener;

    Obstacles(ConfigSource source, LocalAgent agent, MoveEndpoint.Opener opener) {
        this.source = source;
        this.agent = agent;
        this.opener = opener;
    }

    /** In sentences. */
    List<String> of(String target) {
        List<String> found = new ArrayList<>();
        String file = source.file().map(Object::toString).orElse("the environment");
        if (!MovedAway.STORES.contains(target)) {
            return List.of("a cluster cannot be moved to the store \"" + target + "\", only to one of "
                    + String.join(", ", MovedAway.STORES));
        }
        AgentConfig now = source.current().config();
        if (now.store().section().equals(target)) {
            return List.of();
        }
        if (!MovedAway.STORES.contains(now.store().section())) {
            found.add("a cluster cannot be moved away from " + now.store().section());
        }
        if (now.citus().isPresent()) {
            found.add("is part of a Citus database: its groups cannot be moved yet");
        }
        if (agent.dynamicConfig().standbyCluster().isPresent()) {
            found.add("is part of a standby cluster, whose leader takes no lock in a pause: promote it first");
        }
        LocalPostgres postgres = agent.postgres();
        if (postgres.status().isEmpty()) {
            found.add("its PostgreSQL does not run, or does not answer"
                    + (postgres.problem().isEmpty() ? "" : ": " + postgres.problem()));
        }
        AgentConfig then;
        try {
            then = source.with(target);
        } catch (ConfigProblems problems) {
            problems.problems().stream().map(Problem::text).forEach(found::add);
            return found;
        }
        if (!then.stateDir().equals(now.stateDir())) {
            found.add(file + " does not name state_dir, which is another one now: name it, and restart the agent");
        } else if (!source.current().namesStateDir()) {
            found.add(file + " does not name state_dir, so that it depends on the section raft: name it ("
                    + now.stateDir() + " now)");
        }
        then.store()
                .timingProblem(agent.dynamicConfig())
                .ifPresent(why -> found.add(why + ": change it first (matriarchctl edit-config)"));
        if (then.store() instanceof RaftConfig raft) {
            bindable(raft).ifPresent(found::add);
        } else {
            reachable(then, target, postgres).ifPresent(found::add);
        }
        return found;
    }

    private static Optional<String> bindable(RaftConfig raft) {
        HostPort address = raft.bindAddress();
        try (ServerSocket socket = new ServerSocket()) {
            socket.setReuseAddress(true);
            socket.bind(new InetSocketAddress(address.host(), address.port()));
            return Optional.empty();
        } catch (IOException e) {
            return Optional.of("the address " + address + " (raft.bind_addr, raft.self_addr) cannot be listened on: "
                    + e.getMessage());
        }
    }

    private Optional<String> reachable(AgentConfig then, String target, LocalPostgres postgres) {
        try (Dcs store = opener.open(then)) {
            return new OtherStore(store)
                    .objection(postgres.systemIdentifier().orElse(""))
                    .map(why -> "the store " + target + " " + why);
        } catch (IOException e) {
            return Optional.of("the store " + target + " cannot be used: " + e.getMessage());
        }
    }

    /** The partners at whose address somebody listens: a witness waits there. */
    static List<HostPort> answering(RaftConfig raft) {
        return raft.partners().parallelStream().filter(Obstacles::listens).toList();
    }

    private static boolean listens(HostPort address) {
        try (Socket socket = new Socket()) {
            socket.connect(new InetSocketAddress(address.host(), address.port()), CONNECT_MILLIS);
            return true;
        } catch (IOException nobody) {
            return false;
        }
    }
}
