package dev.matriarch.agent.loop;

import dev.matriarch.agent.ha.Decision;
import dev.matriarch.agent.ha.Observation;
import dev.matriarch.agent.ha.Settings;
import dev.matriarch.agent.ha.SlotChange;
import dev.matriarch.agent.ha.SlotPolicy;
import dev.matriarch.agent.ha.Task;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Leader;
import dev.matriarch.dcs.Member;
import java.time.Duration;
import java.util.Collection;
import java.util.Optional;
import java.util.Set;
import java.util.function.BooleanSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Tells in the log what is decided: each decision that does something, and waiting when its reason changes or, if
 * wanted, once in each {@code loop_wait}. Not thread-safe; the heartbeat's thread only.
 */
final class Narration {
    private static final Logger LOG = LoggerFactory.getLogger(Narration.class);

    private static final String COMPARING = Task.Kind.CHECK_DIVERGENCE.words();

    private final String me;
    private final BooleanSupplier deduplicate;
    private String last = "";
    private long lastAt;
    private String lastOwner = "";
    private Set<String> warnedOfSlots = Set.of();
    private Optional<String> warnedOfVotes = Optional.empty();

    /** @param deduplicate whether a heartbeat that says the same as the one before is left out */
    Narration(String me, BooleanSupplier deduplicate) {
        this.me = me;
        this.deduplicate = deduplicate;
    }

    void say(Decision decision, Observation seen) {
        String owner =
                seen.view().flatMap(ClusterView::leader).map(Leader::name).orElse("None");
        seen.view().ifPresent(v -> votes(seen.settings().synchronous().mode(), v.members()));
        say(decision, owner, seen.now(), seen.settings().loopWait());
    }

    /** Said once, and again when it is about others. */
    void votes(Settings.Synchronous.Mode mode, Collection<Member> members) {
        Optional<String> problem =
                mode == Settings.Synchronous.Mode.QUORUM ? OlderPatroni.withoutVotes(members) : Optional.empty();
        if (!problem.equals(warnedOfVotes)) {
            warnedOfVotes = problem;
            problem.ifPresent(LOG::warn);
        }
    }

    /** @param now monotonic nanoseconds */
    void say(Decision decision, String owner, long now, Duration loopWait) {
        if (decision instanceof Decision.AskForPromises) {
            // Every second or so while the store is away: what came of it is said.
            return;
        }
        if (decision instanceof Decision.CheckDivergence || decision.because().equals(COMPARING)) {
            // Again and again while it cannot be told: what comes of it is said.
            return;
        }
        if (decision instanceof Decision.RenewLease && decision.because().equals("heartbeat")) {
            return;
        }
        if (decision instanceof Decision.SyncSlots sync) {
            slots(sync);
            return;
        }
        String sentence = decision.because();
        boolean waits = decision instanceof Decision.Wait;
        if (waits && sentence.equals(last) && !due(now, loopWait)) {
            return;
        }
        owner(owner, waits && sentence.contains("no action"));
        if (decision instanceof Decision.Stop || decision instanceof Decision.Exit) {
            LOG.warn("{}", sentence);
        } else {
            LOG.info("{}", sentence);
        }
        last = sentence;
        lastAt = now;
    }

    private boolean due(long now, Duration loopWait) {
        return !deduplicate.getAsBoolean() && now - lastAt >= loopWait.toNanos();
    }

    /** Who holds the lock is said once before whatever is not a quiet heartbeat. */
    private void owner(String owner, boolean quiet) {
        if (quiet) {
            lastOwner = "";
            return;
        }
        if (!owner.equals(lastOwner)) {
            LOG.info("Lock owner: {}; I am {}", owner, me);
            lastOwner = owner;
        }
    }

    private static void slots(Decision.SyncSlots sync) {
        for (SlotChange change : sync.changes()) {
            switch (change) {
                case SlotChange.Expire expire -> LOG.warn("Replication slots: {}", expire.words());
                case SlotChange.Advance advance -> LOG.debug("Replication slots: {}", advance.words());
                default -> LOG.info("Replication slots: {}", change.words());
            }
        }
    }

    /** Slots in use that nobody declared hold WAL back all the same. */
    void slots(Observation seen) {
        Set<String> unknown = SlotPolicy.unknownInUse(seen);
        if (!unknown.isEmpty() && !unknown.equals(warnedOfSlots)) {
            LOG.warn(
                    "Replication slots {} are in use, but neither of members nor in slots or ignore_slots: they are kept"
                            + " while they are in use and dropped afterwards",
                    unknown);
        }
        warnedOfSlots = unknown;
    }
}
