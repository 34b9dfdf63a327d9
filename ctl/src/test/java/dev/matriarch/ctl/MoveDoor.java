package dev.matriarch.ctl;

import dev.matriarch.ctl.MoveModel.Agent;
import dev.matriarch.ctl.MoveModel.Pg;
import dev.matriarch.ctl.MoveModel.Store;
import dev.matriarch.proto.control.v1.MemberAddress;
import dev.matriarch.proto.control.v1.Place;
import java.util.Set;

/** What the agents of the {@link MoveModel} answer to the command, and do when it tells them to. */
final class MoveDoor {
    private static final String SYSTEM = "7400000000000000001";

    private final MoveModel model;

    MoveDoor(MoveModel model) {
        this.model = model;
    }

    Place place(int i, boolean examine) {
        Agent agent = model.agents.get(i);
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
        for (int other = 0; other < MoveModel.MEMBERS; other++) {
            if (other != i) {
                place.addRaftPartners(model.agents.get(other).name + ":7000");
            }
        }
        agent.takingPart.forEach(j -> place.addTakingPart(address(j)));
        if (examine && agent.pg == Pg.DOWN) {
            place.addObstacles("its PostgreSQL does not run");
        }
        if (model.reads(i)) {
            place.setSeen(true)
                    .setInitialize(store.closed ? "0" : store.known ? SYSTEM : "")
                    .setMovedTo(store.closed ? model.otherThan(store).section : "")
                    .setLeader(store.leader < 0 ? "" : model.agents.get(store.leader).name)
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
                .setName(model.agents.get(i).name)
                .setRpcAddress(model.agents.get(i).name + ":8009")
                .build();
    }

    // --- what an order does ---

    /** False if this member does not read its store. */
    boolean pause(int by, boolean on) {
        if (model.reads(by)) {
            model.agents.get(by).store.paused = on;
        }
        return model.reads(by);
    }

    /** The store that is moved to is closed first; false if that is refused. */
    boolean prepare(int by, String target) {
        Agent agent = model.agents.get(by);
        if (!model.reads(by) || !agent.lease || agent.pg != Pg.PRIMARY || !agent.paused) {
            return false;
        }
        Store next = model.called(target);
        if (next.leader >= 0) {
            return false;
        }
        next.closed = true;
        next.resume = false;
        next.known = true;
        next.paused = true;
        return true;
    }

    /** Closes or opens the store of that member, unless it refuses. */
    void mark(int by, boolean closed, boolean resume) {
        Agent agent = model.agents.get(by);
        Store store = agent.store;
        boolean led = store.leader >= 0 && !agent.lease;
        boolean backs = closed && !agent.settled;
        boolean said = store.known ? store.paused : agent.paused;
        boolean paused = said && (!closed || agent.paused);
        boolean ours = store.known || store.closed || backs;
        if (!model.reads(by) || led || !paused && !backs || !ours || !closed && !mayOpen(agent)) {
            return;
        }
        store.closed = closed;
        store.resume = resume;
    }

    private boolean mayOpen(Agent agent) {
        return agent.sawItOpen || !agent.settled || !agent.takingPart.isEmpty();
    }

    /**
     * Tells a member to use another store.
     *
     * @param takingPart the members that the command knows
     * @return false if it is not there, or refuses
     */
    boolean use(int i, String target, boolean back, boolean resume, Set<Integer> takingPart) {
        Agent agent = model.agents.get(i);
        Store left = agent.store;
        if (!agent.up || left.section.equals(target)) {
            return agent.up;
        }
        boolean primary = agent.pg == Pg.PRIMARY;
        boolean refused = back
                ? agent.settled || !agent.from.equals(target) || model.reads(i) && left.leader >= 0
                : primary && (!agent.paused || !model.reads(i) || !left.closed);
        if (refused) {
            return false;
        }
        agent.store = model.called(target);
        agent.lease = false;
        agent.sawItOpen = false;
        agent.settled = back;
        agent.from = back ? "" : left.section;
        agent.resume = resume;
        agent.takingPart.clear();
        agent.takingPart.addAll(takingPart);
        agent.waitsForGroup = agent.store.builtIn() && !back;
        return true;
    }
}
