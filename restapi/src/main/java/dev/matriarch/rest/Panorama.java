package dev.matriarch.rest;

import java.util.List;
import java.util.Map;
import java.util.OptionalLong;

/**
 * What all members say of themselves, for the status page. It may be a second old.
 *
 * @param guarantee how much a failover at this moment can lose; empty: unknown
 * @param members by name; empty until they were asked
 * @param events the latest, oldest first
 * @param groups of the Citus database that the cluster is part of, as far as they are known; empty: it stands alone
 */
public record Panorama(String guarantee, List<Pulse> members, List<Event> events, List<Group> groups) {
    public static final Panorama NOTHING = new Panorama("", List.of(), List.of());

    public Panorama {
        members = List.copyOf(members);
        events = List.copyOf(events);
        groups = List.copyOf(groups);
    }

    public Panorama(String guarantee, List<Pulse> members, List<Event> events) {
        this(guarantee, members, events, List.of());
    }

    /** The same, with what is known of the groups. */
    public Panorama with(List<Group> known) {
        return new Panorama(guarantee, members, events, known);
    }

    /**
     * @param own the one that this cluster is
     * @param servers those that clients can use
     */
    public record Group(int number, boolean own, List<Server> servers) {
        public Group {
            servers = List.copyOf(servers);
        }
    }

    /** @param address host and port of PostgreSQL */
    public record Server(String member, String address, boolean primary) {}

    /**
     * @param problem why nothing is known of it; empty: all is known
     * @param leaseMillis rest of its lease, while it holds it
     * @param guarded a living guard holds a deadline for PostgreSQL
     * @param watchdog {@code off}, {@code ready}, {@code active} or {@code failed}
     * @param lateMillis by how much its heartbeat is late
     * @param lastDecision why it does what it does
     * @param state of its PostgreSQL
     * @param store measures of the configuration store by name, such as {@code raft_term}
     */
    public record Pulse(
            String name,
            String problem,
            OptionalLong leaseMillis,
            boolean guarded,
            String watchdog,
            long lateMillis,
            String lastDecision,
            String state,
            Map<String, Double> store) {
        public Pulse {
            store = Map.copyOf(store);
        }
    }

    /**
     * @param atMillis since the epoch
     * @param kind one word
     * @param shared all members saw this
     */
    public record Event(long atMillis, String member, String kind, String what, boolean shared) {}
}
