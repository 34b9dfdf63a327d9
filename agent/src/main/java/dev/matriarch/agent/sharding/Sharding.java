package dev.matriarch.agent.sharding;

import dev.matriarch.agent.postgres.PostgresException;
import dev.matriarch.dcs.ClusterView;
import java.time.Duration;
import java.util.List;
import java.util.OptionalInt;

/**
 * What an extension for sharding has to be told. All methods may be called by any thread; those that tell of this member
 * never fail and, but for those that say so, return at once.
 */
public interface Sharding extends AutoCloseable {
    /** This cluster is not part of anything. */
    Sharding NONE = new NoSharding();

    // --- this member, told by the loop ---

    /** A new cluster's server runs, without clients: what the extension needs is created. Blocks. */
    void founded() throws PostgresException;

    /** @param leading this member holds the lock, and its server takes writes */
    void seen(ClusterView view, boolean leading);

    /** This member, if it leads, is about to stop its server in good order. Waits for the coordinator, with a deadline. */
    void beforeDemote() throws InterruptedException;

    void beforePromote();

    void afterPromote();

    // --- other groups, told by their agents ---

    /** A member of another group is there. */
    Answer announced(Announcement announcement);

    /** @return at the latest when the event's time has passed */
    EventAnswer event(Event event) throws InterruptedException;

    /** Empty: this cluster is no group. */
    OptionalInt ownGroup();

    /** All groups known, this one included. */
    List<Group> groups();

    @Override
    void close();

    /**
     * What a member says about its group.
     *
     * @param leads it is the group's leader
     */
    record Announcement(String scope, String database, Group group, boolean leads) {}

    /**
     * @param leads who answers leads the coordinator's group
     * @param problem why the announcement was not taken; empty: it was
     * @param groups known to who answers
     */
    record Answer(boolean leads, String problem, List<Group> groups) {}

    /** @param problem empty: it was done, or there was nothing to do */
    record EventAnswer(boolean leads, String problem) {}

    /** How a worker's agent reaches those of the coordinator. */
    interface CoordinatorCalls {
        /** Asks all of them at the same time; what those say who answer. */
        List<Answer> announce(Announcement announcement, Duration timeout);

        /** Asks all of them at the same time; what the one says that leads. */
        EventAnswer event(String scope, Event event, Duration timeout) throws InterruptedException;
    }
}
