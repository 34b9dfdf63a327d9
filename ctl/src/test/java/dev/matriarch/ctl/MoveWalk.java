package dev.matriarch.ctl;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.ctl.MoveModel.Agent;
import dev.matriarch.ctl.MoveModel.Pg;
import dev.matriarch.ctl.MoveModel.Store;
import dev.matriarch.ctl.MovePlan.Step;
import dev.matriarch.proto.control.v1.Place;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;

/**
 * One walk of {@link MovePlan} through the {@link MoveModel}: commands end anywhere, agents and servers end and come back,
 * notes are lost, and people pause, resume and change their minds. In the end somebody mends what is left of it.
 */
final class MoveWalk {
    private final Random random;
    private final MoveModel model;
    private final MoveDoor door;
    private final List<String> story = new ArrayList<>();
    /** The move that runs; null: none does. */
    private Command command;

    private boolean lost;
    private final boolean peopleResume;
    private final int forgetful;

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

    MoveWalk(long seed, String from, String to) {
        random = new Random(seed);
        model = new MoveModel(from, to);
        door = new MoveDoor(model);
        peopleResume = random.nextBoolean();
        forgetful = random.nextInt(MoveModel.MEMBERS);
    }

    /** Somebody uses the store that was moved to. */
    boolean hasMoved() {
        return model.agents.stream().anyMatch(a -> a.store == model.second);
    }

    private void tell(String line) {
        if (story.isEmpty() || !story.getLast().equals(line)) {
            story.add(line);
        }
    }

    // --- what the command does ---

    private Step look() {
        Set<Integer> before;
        do {
            before = Set.copyOf(command.known);
            for (int i : before) {
                Agent agent = model.agents.get(i);
                if (agent.up) {
                    command.known.addAll(agent.takingPart);
                    if (model.reads(i)) {
                        command.known.addAll(agent.store.members);
                    }
                }
            }
        } while (!before.equals(command.known));
        boolean examine = !command.examined;
        command.examined = true;
        List<MovePlan.Member> members = new ArrayList<>();
        for (int i : command.known) {
            Agent agent = model.agents.get(i);
            Optional<Place> place = agent.up ? Optional.of(door.place(i, examine)) : Optional.empty();
            place.ifPresent(p -> command.resume |= p.getResume());
            members.add(new MovePlan.Member(agent.name, agent.name + ":8009", place, "refused"));
        }
        return MovePlan.next(new MovePlan.Standing(command.target, members, Set.of(), examine, command.resume));
    }

    private int index(String name) {
        return name.charAt(1) - '1';
    }

    private void act(Step step, boolean ends) {
        switch (step) {
            case Step.Pause(String by) -> command.resume |= door.pause(index(by), true);
            case Step.Resume(String by) -> door.pause(index(by), false);
            case Step.Close(String by, boolean prepares) -> close(index(by), prepares, ends);
            case Step.Open(String by) -> door.mark(index(by), false, command.resume);
            case Step.Go(List<String> names, boolean back) -> {
                int reached = ends ? random.nextInt(names.size() + 1) : names.size();
                for (int i = 0; i < reached; i++) {
                    if (!door.use(index(names.get(i)), command.target, back, command.resume, command.known)) {
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
        if (prepares && !door.prepare(by, command.target)) {
            return;
        }
        if (!ends || random.nextBoolean()) {
            door.mark(by, true, command.resume);
        }
    }

    // --- what happens ---

    void step() {
        int what = random.nextInt(100);
        int i = random.nextInt(MoveModel.MEMBERS);
        Agent agent = model.agents.get(i);
        if (what < 50) {
            advance();
        } else if (what < 80) {
            model.beat(i);
        } else if (what < 85) {
            model.expire();
        } else if (what < 89) {
            end(agent);
        } else if (what < 94) {
            agent.up = true;
        } else if (what < 95) {
            agent.pg = Pg.DOWN;
            agent.lease = false;
        } else if (what < 96) {
            loseNote(agent);
        } else if (peopleResume && model.reads(i) && agent.up && what < 98) {
            pause(agent.store, true);
        } else if (peopleResume && model.reads(i) && agent.up) {
            pause(agent.store, false);
        }
    }

    private void advance() {
        Agent entry = model.agents.get(random.nextInt(MoveModel.MEMBERS));
        if (command == null || random.nextInt(12) == 0) {
            if (!entry.up) {
                return;
            }
            command = new Command(
                    random.nextInt(3) > 0 ? model.second.section : model.first.section, model.agents.indexOf(entry));
        }
        Step step = look();
        boolean ends = random.nextInt(10) == 0;
        tell("to " + command.target + ": " + step + (ends ? " and ends" : ""));
        act(step, ends);
    }

    /** Who ends while it has not heard of the end of a pause is in danger without any move. */
    private void end(Agent agent) {
        if (agent.pg == Pg.PRIMARY && model.stores().stream().anyMatch(s -> !s.closed && !s.paused)) {
            return;
        }
        tell(agent.name + " ends");
        model.end(agent);
    }

    /** On one host only. */
    private void loseNote(Agent agent) {
        if (agent.up || !agent.equals(model.agents.get(forgetful))) {
            return;
        }
        tell(agent.name + " loses its note");
        lost = true;
        model.loseNote(agent);
    }

    private void pause(Store store, boolean on) {
        boolean alone = model.agents.stream().anyMatch(a -> !a.up && a.pg == Pg.PRIMARY);
        if (store.known && (on || !alone)) {
            tell(store.section + (on ? " is paused" : " is resumed"));
            store.paused = on;
        }
    }

    void assertOneLeader() {
        List<String> primaries = model.primaries();
        assertTrue(primaries.size() <= 1, () -> "two primaries: " + primaries + "\n" + this);
    }

    // --- and how it ends ---

    /** All hosts are there, and one person does what is said. */
    void mend() {
        command = null;
        String target = random.nextBoolean() ? model.first.section : model.second.section;
        for (int round = 0; round < 120 && !model.isWell(); round++) {
            for (Agent agent : model.agents) {
                agent.up = true;
            }
            model.expire();
            for (int i = 0; i < MoveModel.MEMBERS; i++) {
                model.beat(i);
                assertOneLeader();
            }
            if (command == null) {
                command = new Command(target, random.nextInt(MoveModel.MEMBERS));
                // The person knows who the members are.
                command.known.addAll(Set.of(0, 1, 2));
            }
            Step step = look();
            tell("mending, to " + target + ": " + step);
            switch (step) {
                case Step.Refuse refuse -> {
                    target = model.otherThan(model.called(target)).section;
                    command = null;
                    resumeWhereSomebodyLeads();
                }
                case Step.Wait(String what) -> {
                    if (what.contains("matriarchctl resume")) {
                        model.called(target).paused = false;
                    } else if (round % 10 == 9) {
                        target = model.otherThan(model.called(target)).section;
                        command = null;
                    }
                }
                default -> act(step, false);
            }
            assertOneLeader();
        }
        // Without its note nobody knows any more what this member has seen: to go on may take a person's word.
        assertTrue(model.isWell() || lost, this::toString);
    }

    private void resumeWhereSomebodyLeads() {
        for (Agent agent : model.agents) {
            if (agent.lease && model.reads(model.agents.indexOf(agent))) {
                agent.store.paused = false;
            }
        }
    }

    @Override
    public String toString() {
        return String.join("\n", story) + model;
    }
}
