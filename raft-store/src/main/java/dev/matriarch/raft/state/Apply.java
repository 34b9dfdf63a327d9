package dev.matriarch.raft.state;

import dev.matriarch.proto.store.v1.Command;
import dev.matriarch.proto.store.v1.Expectation;
import dev.matriarch.proto.store.v1.Operation;
import dev.matriarch.proto.store.v1.OperationReply;
import dev.matriarch.proto.store.v1.Put;
import dev.matriarch.proto.store.v1.Reply;
import dev.matriarch.proto.store.v1.RequireLease;
import dev.matriarch.raft.state.StoreState.Entry;
import dev.matriarch.raft.state.StoreState.Event;
import dev.matriarch.raft.state.StoreState.Lease;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;

/** The transition function of the store. */
public final class Apply {
    /** The only command format that this version writes and understands. */
    public static final int FORMAT_VERSION = 1;

    private Apply() {}

    /**
     * What a command did.
     *
     * @param state the next state; the same object if the command was refused
     * @param events the changes that watchers see, in order; a renewal makes none
     * @param renewed leases granted or renewed: their time starts again
     */
    public record Applied(StoreState state, Reply reply, List<Event> events, List<Lease> renewed) {}

    /**
     * Applies all operations of a command, or none. Never throws for what a command contains: a format or an operation
     * that this version does not know is refused, on every replica alike.
     */
    public static Applied apply(StoreState state, Command command) {
        if (command.getFormatVersion() != FORMAT_VERSION) {
            return unknown(state, 0, "command format " + command.getFormatVersion() + " is not known to this version");
        }
        Transaction transaction = new Transaction(state);
        Reply.Builder reply = Reply.newBuilder();
        for (int i = 0; i < command.getOperationsCount(); i++) {
            Outcome outcome = transaction.run(command.getOperations(i));
            switch (outcome) {
                case Done done -> reply.addOperations(done.reply());
                case Refused refused -> {
                    return new Applied(
                            state,
                            reply.addOperations(OperationReply.newBuilder().setHolder(refused.holder()))
                                    .setRevision(state.revision())
                                    .setFailedOperation(i)
                                    .setRefusal(refused.why())
                                    .build(),
                            List.of(),
                            List.of());
                }
                case Unknown unknown -> {
                    return unknown(state, i, unknown.why());
                }
            }
        }
        StoreState next = transaction.commit();
        return new Applied(
                next,
                reply.setApplied(true).setRevision(next.revision()).build(),
                List.copyOf(transaction.events),
                List.copyOf(transaction.renewed));
    }

    private static Applied unknown(StoreState state, int operation, String why) {
        Reply reply = Reply.newBuilder()
                .setRevision(state.revision())
                .setFailedOperation(operation)
                .setRefusal(why)
                .setUnknownFormat(true)
                .build();
        return new Applied(state, reply, List.of(), List.of());
    }

    private sealed interface Outcome {}

    private record Done(OperationReply reply) implements Outcome {
        static final Done PLAIN = new Done(OperationReply.getDefaultInstance());
    }

    private record Refused(String why, String holder) implements Outcome {}

    private record Unknown(String why) implements Outcome {}

    /** Works on copies that are made at the first change of their kind; dropped if an operation refuses. */
    private static final class Transaction {
        private final StoreState before;
        private long revision;
        private int featureLevel;
        private SortedMap<String, Entry> entries;
        private SortedMap<String, Lease> leases;
        private boolean entriesCopied;
        private boolean leasesCopied;
        private final List<Event> events = new ArrayList<>();
        private final List<Lease> renewed = new ArrayList<>();

        Transaction(StoreState before) {
            this.before = before;
            this.revision = before.revision();
            this.featureLevel = before.featureLevel();
            this.entries = before.entries();
            this.leases = before.leases();
        }

        Outcome run(Operation operation) {
            return switch (operation.getKindCase()) {
                case PUT -> put(operation.getPut());
                case DELETE -> {
                    String key = operation.getDelete().getKey();
                    Outcome check = operation.getDelete().hasExpect()
                            ? check(key, operation.getDelete().getExpect())
                            : Done.PLAIN;
                    if (check instanceof Done) {
                        delete(key);
                    }
                    yield check;
                }
                case DELETE_PREFIX -> {
                    String prefix = operation.getDeletePrefix().getPrefix();
                    entries.keySet().stream()
                            .filter(key -> key.startsWith(prefix))
                            .toList()
                            .forEach(this::delete);
                    yield Done.PLAIN;
                }
                case GRANT_LEASE ->
                    grant(
                            operation.getGrantLease().getName(),
                            operation.getGrantLease().getHolder(),
                            operation.getGrantLease().getTtlMillis());
                case RENEW_LEASE ->
                    renew(
                            operation.getRenewLease().getName(),
                            operation.getRenewLease().getHolder(),
                            operation.getRenewLease().getEpoch(),
                            operation.getRenewLease().getTtlMillis(),
                            operation.getRenewLease().getSeenRenewal());
                case RELEASE_LEASE -> {
                    Lease lease = leases.get(operation.getReleaseLease().getName());
                    if (!isHeld(
                            lease,
                            operation.getReleaseLease().getHolder(),
                            operation.getReleaseLease().getEpoch())) {
                        yield notHeld(operation.getReleaseLease().getName(), lease);
                    }
                    end(lease, Event.Kind.LEASE_RELEASED);
                    yield Done.PLAIN;
                }
                case EXPIRE_LEASE -> {
                    Lease lease = leases.get(operation.getExpireLease().getName());
                    if (lease == null
                            || lease.epoch() != operation.getExpireLease().getEpoch()
                            || lease.renewal() != operation.getExpireLease().getRenewal()) {
                        yield new Refused("the lease has been renewed or has ended since", holder(lease));
                    }
                    end(lease, Event.Kind.LEASE_EXPIRED);
                    yield Done.PLAIN;
                }
                case REQUIRE_LEASE -> require(operation.getRequireLease());
                case BARRIER -> Done.PLAIN;
                case RAISE_REVISION -> {
                    revision = Math.max(revision, operation.getRaiseRevision().getRevision());
                    yield Done.PLAIN;
                }
                case RAISE_FEATURE_LEVEL -> {
                    featureLevel = Math.max(
                            featureLevel, operation.getRaiseFeatureLevel().getLevel());
                    yield Done.PLAIN;
                }
                case KIND_NOT_SET -> new Unknown("an operation is not known to this version");
            };
        }

        private Outcome put(Put put) {
            Outcome check = put.hasExpect() ? check(put.getKey(), put.getExpect()) : Done.PLAIN;
            if (!(check instanceof Done)) {
                return check instanceof Refused && put.getOrKeep() ? Done.PLAIN : check;
            }
            if (!put.getLease().isEmpty() && !leases.containsKey(put.getLease())) {
                return new Refused("nobody holds the lease " + put.getLease(), "");
            }
            revision++;
            Entry old = entries.get(put.getKey());
            entries()
                    .put(
                            put.getKey(),
                            new Entry(
                                    put.getValue(),
                                    old == null ? revision : old.createRevision(),
                                    revision,
                                    put.getLease()));
            events.add(new Event(revision, put.getKey(), Event.Kind.PUT));
            return new Done(OperationReply.newBuilder().setModRevision(revision).build());
        }

        private Outcome check(String key, Expectation expectation) {
            Entry entry = entries.get(key);
            return switch (expectation.getKindCase()) {
                case ABSENT ->
                    // "absent: false" asks for a key that exists.
                    expectation.getAbsent() == (entry == null)
                            ? Done.PLAIN
                            : new Refused("the key " + key + (entry == null ? " does not exist" : " exists"), "");
                case REVISION ->
                    entry != null && entry.modRevision() == expectation.getRevision()
                            ? Done.PLAIN
                            : new Refused("the key " + key + " has changed since", "");
                case KIND_NOT_SET -> new Unknown("the condition of a write is not known to this version");
            };
        }

        private void delete(String key) {
            if (entries.containsKey(key)) {
                revision++;
                entries().remove(key);
                events.add(new Event(revision, key, Event.Kind.DELETE));
            }
        }

        private Outcome grant(String name, String holder, long ttlMillis) {
            if (name.isEmpty() || holder.isEmpty() || ttlMillis <= 0) {
                return new Refused("a lease needs a name, a holder and a time to live", "");
            }
            Lease lease = leases.get(name);
            if (lease != null && lease.holder().equals(holder)) {
                return extend(lease, Math.max(ttlMillis, lease.ttlMillis()));
            }
            if (lease != null) {
                return notHeld(name, lease);
            }
            revision++;
            Lease granted = new Lease(name, holder, revision, 1, ttlMillis);
            leases().put(name, granted);
            renewed.add(granted);
            events.add(new Event(revision, name, Event.Kind.LEASE_GRANTED));
            return new Done(OperationReply.newBuilder().setLeaseEpoch(revision).build());
        }

        /**
         * A renewal that was held up must not shorten the lease after a later one with a longer ttl was confirmed: its holder
         * counts that one.
         */
        private Outcome renew(String name, String holder, long epoch, long ttlMillis, long seenRenewal) {
            Lease lease = leases.get(name);
            if (!isHeld(lease, holder, epoch)) {
                return notHeld(name, lease);
            }
            if (ttlMillis <= 0) {
                return new Refused("a lease needs a time to live", holder);
            }
            boolean mayShorten = lease.renewal() == seenRenewal;
            return extend(lease, mayShorten ? ttlMillis : Math.max(ttlMillis, lease.ttlMillis()));
        }

        private Outcome require(RequireLease required) {
            Lease lease = leases.get(required.getName());
            if (!isHeld(lease, required.getHolder(), required.getEpoch())) {
                return notHeld(required.getName(), lease);
            }
            return lease.renewal() == required.getRenewal()
                    ? Done.PLAIN
                    : new Refused("the lease " + lease.name() + " has been renewed since", lease.holder());
        }

        private Outcome extend(Lease lease, long ttlMillis) {
            Lease extended = new Lease(lease.name(), lease.holder(), lease.epoch(), lease.renewal() + 1, ttlMillis);
            leases().put(lease.name(), extended);
            renewed.add(extended);
            return new Done(
                    OperationReply.newBuilder().setLeaseEpoch(lease.epoch()).build());
        }

        private void end(Lease lease, Event.Kind kind) {
            revision++;
            leases().remove(lease.name());
            renewed.removeIf(l -> l.name().equals(lease.name()));
            events.add(new Event(revision, lease.name(), kind));
            entries.entrySet().stream()
                    .filter(e -> e.getValue().lease().equals(lease.name()))
                    .map(java.util.Map.Entry::getKey)
                    .toList()
                    .forEach(this::delete);
        }

        private static boolean isHeld(Lease lease, String holder, long epoch) {
            return lease != null && lease.holder().equals(holder) && lease.epoch() == epoch;
        }

        private static Refused notHeld(String name, Lease lease) {
            return new Refused(
                    lease == null
                            ? "nobody holds the lease " + name
                            : "the lease " + name + " is held by " + lease.holder() + " since revision "
                                    + lease.epoch(),
                    holder(lease));
        }

        private static String holder(Lease lease) {
            return lease == null ? "" : lease.holder();
        }

        private SortedMap<String, Entry> entries() {
            if (!entriesCopied) {
                entries = new TreeMap<>(entries);
                entriesCopied = true;
            }
            return entries;
        }

        private SortedMap<String, Lease> leases() {
            if (!leasesCopied) {
                leases = new TreeMap<>(leases);
                leasesCopied = true;
            }
            return leases;
        }

        StoreState commit() {
            List<Event> history = before.history();
            if (!events.isEmpty()) {
                int dropped =
                        Math.clamp((long) history.size() + events.size() - StoreState.HISTORY_LIMIT, 0, history.size());
                // Whole arrays are copied: a part of a list would be walked event by event, a thousand of them per
                // change.
                Event[] all = history.toArray(Event[]::new);
                Event[] longer = Arrays.copyOfRange(all, dropped, all.length + events.size());
                for (int i = 0; i < events.size(); i++) {
                    longer[all.length - dropped + i] = events.get(i);
                }
                history = Collections.unmodifiableList(Arrays.asList(longer));
            }
            return new StoreState(
                    revision,
                    entriesCopied ? Collections.unmodifiableSortedMap(entries) : entries,
                    leasesCopied ? Collections.unmodifiableSortedMap(leases) : leases,
                    history,
                    featureLevel);
        }
    }
}
