package dev.matriarch.agent.ha;

import dev.matriarch.dcs.Lsn;

/** One thing to do to one replication slot. */
public sealed interface SlotChange {
    String name();

    /** A few words for the log. */
    String words();

    /** WAL is reserved at once. */
    record CreatePhysical(String name) implements SlotChange {
        @Override
        public String words() {
            return "creating " + name;
        }
    }

    record CreateLogical(String name, String database, String plugin) implements SlotChange {
        @Override
        public String words() {
            return "creating " + name + " (" + plugin + " in " + database + ")";
        }
    }

    /** @param database of a logical slot; empty for a physical one */
    record Advance(String name, String database, Lsn to) implements SlotChange {
        @Override
        public String words() {
            return "moving " + name + " on to " + to;
        }
    }

    /** An active slot stays. */
    record Drop(String name, String because) implements SlotChange {
        @Override
        public String words() {
            return "dropping " + name + ": " + because;
        }
    }

    /** Drops the slot of a member that has been away for so long, or holds so much back, that it must do without. */
    record Expire(String name, String because) implements SlotChange {
        @Override
        public String words() {
            return "dropping " + name + ": " + because;
        }
    }
}
