package dev.matriarch.agent.rpc;

import dev.matriarch.agent.config.DynamicConfig;
import dev.matriarch.agent.config.EffectiveConfig;
import dev.matriarch.agent.ha.Candidacy;
import dev.matriarch.agent.ha.LocalPostgres;
import dev.matriarch.agent.ha.Survey;
import dev.matriarch.agent.recorder.Event;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Dcs;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * This member as its doors see it. Implemented by the loop; all methods may be called by any thread.
 *
 * <p>Reading methods return the last observation at once. {@link #position()}, {@link #restart} and the other orders
 * may take as long as they say.
 */
public interface LocalAgent {
    String name();

    String scope();

    /** The agent's own version. */
    String version();

    /** The cluster as the loop saw it last; absent before the first successful read. */
    Optional<ClusterView> view();

    /** How old {@link #view()} is; very long if there is none. */
    Duration viewAge();

    /** The merged cluster-wide configuration; defaults while the store has none. */
    DynamicConfig dynamicConfig();

    /** The last observation of the local server. */
    LocalPostgres postgres();

    Dcs dcs();

    /** The leader lock is this member's and its deadline has not passed. */
    boolean holdsLease();

    /** Whether this member would take the lock if the leader were gone, going by the last observation. */
    Candidacy candidacy(Survey others);

    /** What this member says of itself at this moment; returns at once. */
    Pulse pulse();

    /**
     * What happened here, oldest first; takes up to about three seconds if the flight recorder has to be read.
     *
     * @param most if there were more, the latest
     */
    List<Event> events(Instant since, int most);

    /** Asks PostgreSQL now, for at most about a second; what it does not say is unknown in the answer. */
    Position position();

    /**
     * Failsafe mode: promises a leader that has lost the store to leave the lock alone for {@code ttl} from now.
     *
     * @return why not; empty if it is promised
     */
    Optional<String> promise(String leader, String connUrl, String apiUrl, Duration ttl);

    /**
     * Restarts PostgreSQL and returns when it runs again, at the latest after {@code timeout}. The conditions of
     * {@code order} have been looked at by the caller against {@link #postgres()}.
     */
    Outcome restart(RestartOrder order, Duration timeout, Progress progress);

    /** Keeps the restart in memory until its time; returns at once. */
    Outcome scheduleRestart(RestartOrder order, Instant at);

    /** Forgets a scheduled restart; returns at once. */
    Outcome cancelScheduledRestart();

    /** Starts a fresh clone and returns at once; {@code progress} is told of the rest. */
    Outcome reinitialize(ReinitOrder order, Progress progress);

    /** Has the local configuration read again; returns at once. */
    Outcome reload(Progress progress);

    /** Remembers what a person asked for, or how it ended, among the {@link #events}; returns at once. */
    void noteOrder(String sentence);

    /** Every value in force, and where it came from; at once, without secrets. */
    List<EffectiveConfig.Row> effectiveConfig();

    /** Lets the loop run now. */
    void wake(String why);
}
