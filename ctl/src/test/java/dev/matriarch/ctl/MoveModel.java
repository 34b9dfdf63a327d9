package dev.matriarch.ctl;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/**
 * Three agents and the two stores that they may use. The agents do what the agent's own tests say of them
 * ({@code MovedStoreTest}, {@code MoveEndpointTest}, {@code StorePinTest}), when it is their turn.
 */
final class MoveModel {
    static final int MEMBERS = 3;

    enum Pg {
        PRIMARY,
        REPLICA,
        DOWN
    }

    static final class Store {
        final String section;
        boolean closed;
        boolean paused;
        boolean resume;
        boolean known;
        int leader = -1;
        final Set<Integer> members = new TreeSet<>();
        /** Peers of the built-in store; none: it has not formed. */
        final Set<Integer> group = new TreeSet<>();

        Store(String section) {
            this.section = section;
        }

        boolean builtIn() {
            return section.equals("raft");
        }
    }

    static final class Agent {
        final String name;
        Store store;
        boolean up = true;
        Pg pg = Pg.REPLICA;
        boolean paused;
        boolean lease;
        boolean waitsForGroup;
        boolean sawItOpen;
        // The note.
        boolean settled = true;
        boolean resume;
        String from = "";
        final Set<Integer> takingPart = new TreeSet<>();

        Agent(int index, Store store) {
            this.name = "n" + (index + 1);
            this.store = store;
        }
    }

    final Store first;
    final Store second;
    final List<Agent> agents = new ArrayList<>();

    /** All use the first store, and n1 leads. */
    MoveModel(String from, String to) {
        first = new Store(from);
        second = new Store(to);
        first.known = true;
        first.leader = 0;
        for (int i = 0; i < MEMBERS; i++) {
            agents.add(new Agent(i, first));
            first.members.add(i);
            if (first.builtIn()) {
                first.group.add(i);
            }
        }
        agents.getFirst().pg = Pg.PRIMARY;
        agents.getFirst().lease = true;
    }

    List<Store> stores() {
        return List.of(first, second);
    }

    Store called(String section) {
        return first.section.equals(section) ? first : second;
    }

    Store otherThan(Store store) {
        return store == first ? second : first;
    }

    boolean reads(int i) {
        Agent agent = agents.get(i);
        return !agent.store.builtIn()
                || agent.store.group.contains(i) && !agent.waitsForGroup && hasMajority(agent.store);
    }

    private boolean hasMajority(Store store) {
        long there = store.group.stream()
                .map(agents::get)
                .filter(a -> a.up && a.store == store && !a.waitsForGroup)
                .count();
        return there * 2 > store.group.size();
    }

    private void form() {
        for (Store store : stores()) {
            // Who lost what it held is taken in again.
            agents.stream()
                    .filter(a -> a.up && a.store == store && a.waitsForGroup && hasMajority(store))
                    .forEach(a -> a.waitsForGroup = false);
            if (store.builtIn() && agents.stream().allMatch(a -> a.up && a.store == store && a.waitsForGroup)) {
                store.closed = false;
                store.paused = false;
                store.known = false;
                store.leader = -1;
                store.members.clear();
                for (int i = 0; i < MEMBERS; i++) {
                    store.group.add(i);
                    agents.get(i).waitsForGroup = false;
                }
            }
        }
    }

    // --- what an agent does ---

    void beat(int i) {
        Agent agent = agents.get(i);
        if (!agent.up) {
            return;
        }
        form();
        Store store = agent.store;
        if (!reads(i)) {
            if (agent.pg == Pg.PRIMARY && !agent.paused) {
                stop(agent);
            }
            return;
        }
        store.members.add(i);
        agent.sawItOpen |= store.known && !store.closed;
        if (store.closed) {
            if (agent.pg == Pg.PRIMARY && !agent.paused) {
                stop(agent);
            } else if (store.leader == i) {
                store.leader = -1;
            }
            agent.lease = false;
            return;
        }
        if (store.known) {
            agent.paused = store.paused;
        }
        if (store.leader == i) {
            agent.lease = agent.pg == Pg.PRIMARY;
            if (agent.pg != Pg.PRIMARY) {
                store.leader = -1;
            }
        } else if (store.leader >= 0) {
            agent.lease = false;
            if (!agent.paused && agent.pg != Pg.REPLICA) {
                agent.pg = Pg.REPLICA;
            }
        } else {
            withoutLeader(i, agent, store);
        }
        note(agent, store);
        if (agent.lease && !store.known) {
            store.known = true;
            store.paused = agent.paused;
        }
    }

    private void stop(Agent agent) {
        agent.pg = Pg.DOWN;
        agent.lease = false;
    }

    private void withoutLeader(int i, Agent agent, Store store) {
        agent.lease = false;
        if (agent.pg == Pg.PRIMARY) {
            if (agent.paused || !store.known) {
                lead(i, agent, store);
            } else {
                stop(agent);
            }
            return;
        }
        if (agent.paused) {
            return;
        }
        agent.pg = Pg.REPLICA;
        boolean alive = store.members.stream().map(agents::get).anyMatch(a -> a != agent && a.up && a.pg == Pg.PRIMARY);
        // MoveEndpointTest.onlyARunningPrimaryTakesTheLockOfAStoreThatNobodyHasLedBy
        if (!alive && agent.settled && store.known) {
            agent.pg = Pg.PRIMARY;
            lead(i, agent, store);
        }
    }

    private void lead(int i, Agent agent, Store store) {
        agent.settled = true;
        agent.lease = true;
        store.leader = i;
    }

    private void note(Agent agent, Store store) {
        if (store.leader >= 0) {
            agent.settled = true;
        }
        if (agent.settled && !agent.paused && store.leader >= 0) {
            agent.resume = false;
            agent.takingPart.clear();
        }
    }

    void expire() {
        for (Store store : stores()) {
            int i = store.leader;
            if (i < 0) {
                continue;
            }
            Agent agent = agents.get(i);
            if (agent.up && agent.lease && agent.store == store && reads(i)) {
                continue;
            }
            store.leader = -1;
            if (agent.pg == Pg.PRIMARY && !agent.paused && !agent.lease) {
                stop(agent);
            }
        }
    }

    // --- what befalls an agent ---

    void end(Agent agent) {
        agent.up = false;
        agent.lease = false;
        agent.sawItOpen = false;
    }

    /** As with a new disk. The order of sections decides which store it uses now. */
    void loseNote(Agent agent) {
        agent.store = first.section.compareTo(second.section) < 0 ? first : second;
        agent.settled = true;
        agent.from = "";
        agent.resume = false;
        agent.takingPart.clear();
    }

    // --- what there is to see ---

    List<String> primaries() {
        return agents.stream().filter(a -> a.pg == Pg.PRIMARY).map(a -> a.name).toList();
    }

    /** All use one store, and one of them leads there. */
    boolean isWell() {
        Store store = agents.getFirst().store;
        return !store.closed
                && store.leader >= 0
                && agents.get(store.leader).lease
                && agents.stream().allMatch(a -> a.store == store);
    }

    @Override
    public String toString() {
        StringBuilder all = new StringBuilder();
        for (Store s : stores()) {
            all.append("\n")
                    .append(s.section)
                    .append(s.closed ? " closed" : "")
                    .append(s.paused ? " paused" : "")
                    .append(s.known ? "" : " empty")
                    .append(" leader ")
                    .append(s.leader + 1)
                    .append(" members ")
                    .append(s.members);
        }
        for (Agent a : agents) {
            all.append("\n")
                    .append(a.name)
                    .append(" ")
                    .append(a.store.section)
                    .append(" ")
                    .append(a.pg)
                    .append(a.up ? "" : " down")
                    .append(a.paused ? " paused" : "")
                    .append(a.lease ? " leads" : "")
                    .append(a.settled ? "" : " from " + a.from)
                    .append(a.waitsForGroup ? " waits for the group" : "");
        }
        return all.toString();
    }
}
