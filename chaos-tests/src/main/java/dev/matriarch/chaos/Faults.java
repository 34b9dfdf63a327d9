package dev.matriarch.chaos;

import java.util.ArrayList;
import java.util.List;

/** What can happen to a node. Each is one burst of signals. */
public enum Faults {
    /** The host is gone, as far as the others can see: agent, guards and PostgreSQL are killed together. */
    HOST {
        @Override
        List<Long> victims(Node node) {
            List<Long> victims = new ArrayList<>(List.of(node.requireAgent(), node.requirePostmaster()));
            victims.addAll(node.guardPids());
            return victims;
        }
    },
    /** {@code kill -9} of agent and postmaster; the guards live. */
    AGENT_AND_POSTMASTER {
        @Override
        List<Long> victims(Node node) {
            return List.of(node.requireAgent(), node.requirePostmaster());
        }
    },
    POSTMASTER {
        @Override
        List<Long> victims(Node node) {
            return List.of(node.requirePostmaster());
        }
    },
    AGENT {
        @Override
        List<Long> victims(Node node) {
            return List.of(node.requireAgent());
        }
    },
    AGENT_AND_ONE_GUARD {
        @Override
        List<Long> victims(Node node) {
            List<Long> guards = node.guardPids();
            if (guards.isEmpty()) {
                throw new AssertionError("no guard of " + node + " was found");
            }
            return List.of(node.requireAgent(), guards.getFirst());
        }
    },
    /** {@code kill -STOP}: the agent hangs, as in a long collection or on a dead disk. */
    AGENT_STOPPED {
        @Override
        List<Long> victims(Node node) {
            return List.of(node.requireAgent());
        }

        @Override
        String signal() {
            return "STOP";
        }
    };

    abstract List<Long> victims(Node node);

    String signal() {
        return "KILL";
    }

    /**
     * {@link System#nanoTime()} around the signals.
     *
     * @param begun from here on a measurement counts
     * @param done from here on the victims do nothing any more
     */
    public record Strike(long begun, long done) {}

    public Strike strike(Node node) {
        List<Long> victims = victims(node);
        long begun = System.nanoTime();
        Processes.signal(signal(), victims);
        return new Strike(begun, System.nanoTime());
    }
}
