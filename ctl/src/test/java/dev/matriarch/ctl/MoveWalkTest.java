package dev.matriarch.ctl;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.ctl.MovePlan.Step;
import dev.matriarch.proto.control.v1.MemberAddress;
import dev.matriarch.proto.control.v1.Place;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

/**
 * {@link MovePlan} walks at random through a model of three agents and two stores, in which commands end anywhere, agents and
 * servers end and come back, notes are lost, and people pause, resume and change their minds. The model's agents do what the
 * agent's own tests say of them ({@code MovedStoreTest}, {@code MoveEndpointTest}, {@code StorePinTest}).
 */
class MoveWalkTest {
    private static final String SYSTEM = "7400000000000000001";
    private static final int MEMBERS = 3;
    private static final int WALKS = 500;
    private static final int STEPS = 80;

    private enum Pg {
        PRIMARY,
        REPLICA,
        DOWN
    }

    private static final class Store {
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

    private static final class Agent {
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

    private static final class Command {
        final String target;
        final Set<Integer> known = new TreeSet<>();
        boolean resume;
        boolean examined;

        Command(String target, int entry) {
            this.target = target;
            known.add(entry);
        }
    }

    private static final class World {
        final Random random;
        final Store first;
        final Store second;
        final List<Agent> agents = new ArrayList<>();
        final List<String> story = new ArrayList<>();
        Command command;
        boolean lost;
        final boolean peopleResume;
        final int forgetful;

        World(long seed, String from, String to) {
            random = new Random(seed);
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
            peopleResume = random.nextBoolean();
            forgetful = random.nextInt(MEMBERS);
        }

        private void tell(String line) {
            if (story.isEmpty() || !story.getLast().equals(line)) {
                story.add(line);
            }
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

        void form() {
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
            boolean alive =
                    store.members.stream().map(agents::get).anyMatch(a -> a != agent && a.up && a.pg == Pg.PRIMARY);
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

        // --- what it answers to the command ---

        Place place(int i, boolean examine) {
            Agent agent = agents.get(i);
            Store store = agent.store;
            Place.Builder place = Place.newBuilder()
                    .setScope("demo")
                    .setName(agent.name)
                    .setVersion("1")
                    .setStore(store.section)
                    .setMovingFrom(agent.settled ? "" : agent.from)
                    .setSystemIdentifier(SYSTEM)
                    .setPaused(agent.paused)
                    .setLeads(agent.lease && agent.pg == Pg.PRIMARY)
                    .setPrimary(agent.pg == Pg.PRIMARY)
                    .setResume(agent.resume)
                    .setSyncThere(true)
                    .setRaftSelf(agent.name + ":7000");
            for (int other = 0; other < MEMBERS; other++) {
                if (other != i) {
                    place.addRaftPartners(agents.get(other).name + ":7000");
                }
            }
            agent.takingPart.forEach(j -> place.addTakingPart(address(j)));
            if (examine && agent.pg == Pg.DOWN) {
                place.addObstacles("its PostgreSQL does not run");
            }
            if (reads(i)) {
                place.setSeen(true)
                        .setInitialize(store.closed ? "0" : store.known ? SYSTEM : "")
                        .setMovedTo(store.closed ? otherThan(store).section : "")
                        .setLeader(store.leader < 0 ? "" : agents.get(store.leader).name)
                        .setConfigThere(store.known)
                        .setMayOpen(mayOpen(agent))
                        .setPausedThere(store.known && store.paused)
                        .setResume(store.closed && store.resume || agent.resume);
                store.members.forEach(j -> place.addMembers(address(j)));
            }
            return place.build();
        }

        private MemberAddress address(int i) {
            return MemberAddress.newBuilder()
                    .setName(agents.get(i).name)
                    .setRpcAddress(agents.get(i).name + ":8009")
                    .build();
        }

        Step look() {
            Set<Integer> before;
            do {
                before = Set.copyOf(command.known);
                for (int i : before) {
                    Agent agent = agents.get(i);
                    if (agent.up) {
                        command.known.addAll(agent.takingPart);
                        if (reads(i)) {
                            command.known.addAll(agent.store.members);
                        }
                    }
                }
            } while (!before.equals(command.known));
            boolean examine = !command.examined;
            command.examined = true;
            List<MovePlan.Member> members = new ArrayList<>();
            for (int i : command.known) {
                Agent agent = agents.get(i);
                Optional<Place> place = agent.up ? Optional.of(place(i, examine)) : Optional.empty();
                place.ifPresent(p -> command.resume |= p.getResume());
                members.add(new MovePlan.Member(agent.name, agent.name + ":8009", place, "refused"));
            }
            return MovePlan.next(new MovePlan.Standing(command.target, members, Set.of(), examine, command.resume));
        }

        // --- what an order does ---

        private int called(List<String> names, int index) {
            return names.get(index).charAt(1) - '1';
        }

        private int index(String name) {
            return name.charAt(1) - '1';
        }

        void act(Step step, boolean ends) {
            switch (step) {
                case Step.Pause(String by) -> {
                    if (reads(index(by))) {
                        agents.get(index(by)).store.paused = true;
                        command.resume = true;
                    }
                }
                case Step.Resume(String by) -> {
                    if (reads(index(by))) {
                        agents.get(index(by)).store.paused = false;
                    }
                }
                case Step.Close(String by, boolean prepares) -> close(index(by), prepares, ends);
                case Step.Open(String by) -> mark(index(by), false);
                case Step.Go(List<String> names, boolean back) -> {
                    int reached = ends ? random.nextInt(names.size() + 1) : names.size();
                    for (int i = 0; i < reached; i++) {
                        if (!use(called(names, i), back)) {
                            break;
                        }
                    }
                }
                case Step.Refuse refuse -> command = null;
                case Step.Done done -> command = null;
                case Step.Wait wait -> {}
            }
            if (ends) {
                command = null;
            }
        }

        private void close(int by, boolean prepares, boolean ends) {
            Agent agent = agents.get(by);
            if (prepares) {
                if (!reads(by) || !agent.lease || agent.pg != Pg.PRIMARY || !agent.paused) {
                    return;
                }
                Store next = called(command.target);
                if (next.leader >= 0) {
                    return;
                }
                next.closed = true;
                next.resume = false;
                next.known = true;
                next.paused = true;
            }
            if (!ends || random.nextBoolean()) {
                mark(by, true);
            }
        }

        private void mark(int by, boolean closed) {
            Agent agent = agents.get(by);
            Store store = agent.store;
            boolean led = store.leader >= 0 && !agent.lease;
            boolean backs = closed && !agent.settled;
            boolean said = store.known ? store.paused : agent.paused;
            boolean paused = said && (!closed || agent.paused);
            boolean ours = store.known || store.closed || backs;
            if (!reads(by) || led || !paused && !backs || !ours || !closed && !mayOpen(agent)) {
                return;
            }
            store.closed = closed;
            store.resume = command.resume;
        }

        private boolean mayOpen(Agent agent) {
            return agent.sawItOpen || !agent.settled || !agent.takingPart.isEmpty();
        }

        private boolean use(int i, boolean back) {
            Agent agent = agents.get(i);
            Store left = agent.store;
            if (!agent.up || left.section.equals(command.target)) {
                return agent.up;
            }
            boolean primary = agent.pg == Pg.PRIMARY;
            boolean refused = back
                    ? agent.settled || !agent.from.equals(command.target) || reads(i) && left.leader >= 0
                    : primary && (!agent.paused || !reads(i) || !left.closed);
            if (refused) {
                return false;
            }
            agent.store = called(command.target);
            agent.lease = false;
            agent.sawItOpen = false;
            agent.settled = back;
            agent.from = back ? "" : left.section;
            agent.resume = command.resume;
            agent.takingPart.clear();
            agent.takingPart.addAll(command.known);
            agent.waitsForGroup = agent.store.builtIn() && !back;
            return true;
        }

        // --- what happens ---

        void step() {
            int what = random.nextInt(100);
            int i = random.nextInt(MEMBERS);
            Agent agent = agents.get(i);
            if (what < 50) {
                advance();
            } else if (what < 80) {
                beat(i);
            } else if (what < 85) {
                expire();
            } else if (what < 89) {
                end(agent);
            } else if (what < 94) {
                agent.up = true;
            } else if (what < 95) {
                agent.pg = Pg.DOWN;
                agent.lease = false;
            } else if (what < 96) {
                loseNote(agent);
            } else if (peopleResume && reads(i) && agent.up && what < 98) {
                pause(agent.store, true);
            } else if (peopleResume && reads(i) && agent.up) {
                pause(agent.store, false);
            }
        }

        private void advance() {
            Agent entry = agents.get(random.nextInt(MEMBERS));
            if (command == null || random.nextInt(12) == 0) {
                if (!entry.up) {
                    return;
                }
                command = new Command(random.nextInt(3) > 0 ? second.section : first.section, agents.indexOf(entry));
            }
            Step step = look();
            boolean ends = random.nextInt(10) == 0;
            tell("to " + command.target + ": " + step + (ends ? " and ends" : ""));
            act(step, ends);
        }

        /** Who ends while it has not heard of the end of a pause is in danger without any move. */
        private void end(Agent agent) {
            if (agent.pg == Pg.PRIMARY && stores().stream().anyMatch(s -> !s.closed && !s.paused)) {
                return;
            }
            tell(agent.name + " ends");
            agent.up = false;
            agent.lease = false;
            agent.sawItOpen = false;
        }

        /** As with a new disk, on one host. The order of sections decides. */
        private void loseNote(Agent agent) {
            if (agent.up || !agent.equals(agents.get(forgetful))) {
                return;
            }
            tell(agent.name + " loses its note");
            lost = true;
            agent.store = first.section.compareTo(second.section) < 0 ? first : second;
            agent.settled = true;
            agent.from = "";
            agent.resume = false;
            agent.takingPart.clear();
        }

        private void pause(Store store, boolean on) {
            boolean alone = agents.stream().anyMatch(a -> !a.up && a.pg == Pg.PRIMARY);
            if (store.known && (on || !alone)) {
                tell(store.section + (on ? " is paused" : " is resumed"));
                store.paused = on;
            }
        }

        void assertOneLeader() {
            List<String> writable = agents.stream()
                    .filter(a -> a.pg == Pg.PRIMARY)
                    .map(a -> a.name)
                    .toList();
            assertTrue(writable.size() <= 1, () -> "two primaries: " + writable + "\n" + this);
        }

        // --- and how it ends ---

        boolean isWell() {
            Store store = agents.getFirst().store;
            return !store.closed
                    && store.leader >= 0
                    && agents.get(store.leader).lease
                    && agents.stream().allMatch(a -> a.store == store);
        }

        /** All hosts are there, and one person does what is said. */
        void mend() {
            command = null;
            String target = random.nextBoolean() ? first.section : second.section;
            for (int round = 0; round < 120 && !isWell(); round++) {
                for (Agent agent : agents) {
                    agent.up = true;
                }
                expire();
                for (int i = 0; i < MEMBERS; i++) {
                    beat(i);
                    assertOneLeader();
                }
                if (command == null) {
                    command = new Command(target, random.nextInt(MEMBERS));
                    // The person knows who the members are.
                    command.known.addAll(Set.of(0, 1, 2));
                }
                Step step = look();
                tell("mending, to " + target + ": " + step);
                switch (step) {
                    case Step.Refuse refuse -> {
                        target = otherThan(called(target)).section;
                        command = null;
                        resumeWhereSomebodyLeads();
                    }
                    case Step.Wait(String what) -> {
                        if (what.contains("matriarchctl resume")) {
                            called(target).paused = false;
                        } else if (round % 10 == 9) {
                            target = otherThan(called(target)).section;
                            command = null;
                        }
                    }
                    default -> act(step, false);
                }
                assertOneLeader();
            }
            // Without its note nobody knows any more what this member has seen: to go on may take a person's word.
            assertTrue(isWell() || lost, this::toString);
        }

        private void resumeWhereSomebodyLeads() {
            for (Agent agent : agents) {
                if (agent.lease && reads(agents.indexOf(agent))) {
                    agent.store.paused = false;
                }
            }
        }

        @Override
        public String toString() {
            StringBuilder all = new StringBuilder(String.join("\n", story));
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

    private static void walk(String from, String to) {
        int moved = 0;
        for (long seed = 0; seed < WALKS; seed++) {
            World world = new World(seed, from, to);
            for (int i = 0; i < STEPS; i++) {
                world.step();
                world.assertOneLeader();
            }
            moved += world.agents.stream().anyMatch(a -> a.store == world.second) ? 1 : 0;
            world.mend();
        }
        assertTrue(moved > WALKS / 4, "only " + moved + " walks came to the other store");
    }

    @Test
    void toTheBuiltInStoreThereIsNeverASecondPrimaryAndAlwaysAWayOn() {
        walk("etcd3", "raft");
    }

    @Test
    void fromTheBuiltInStoreToo() {
        walk("raft", "etcd3");
    }

    @Test
    void betweenStoresOfOthersToo() {
        walk("consul", "zookeeper");
    }
}
