package dev.matriarch.sim;

import dev.matriarch.agent.ha.Divergence;
import dev.matriarch.agent.ha.LocalPostgres;
import dev.matriarch.agent.ha.SlotChange;
import dev.matriarch.dcs.Lsn;
import dev.matriarch.dcs.TimelineHistory;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * The data directory of a server: how far its WAL goes on which branch, the control file, slots, what the agent configured.
 * It survives everything but its removal.
 */
public final class SimDataDirectory {
    private static final long FIRST_POSITION = 0x3000000L;

    LocalPostgres.DataDirectory state = LocalPostgres.DataDirectory.EMPTY;
    String systemIdentifier = "";
    Timeline timeline;
    /** End of the WAL that is on disk. */
    long end;
    /** How far replay is sure to have come; what is reported right after a crash. */
    long redo;
    /** Highest number for which a history file is here. */
    int knownTimeline;

    String control = "";
    long checkpoint;
    boolean wasStandby;
    /** Made by initdb here, for a cluster that may never have been announced. */
    boolean bornHere;
    /** The note of a promotion: this member opened a timeline that left this one; -1 if there is none. */
    private int promotedFrom = -1;
    /** The first checkpoint on a new timeline is still to come: the control file names the old one. */
    boolean checkpointPending;

    private final Map<String, Long> slots = new TreeMap<>();
    // postgresql.conf as the agent wrote it
    String names = "";
    int upstream = -1;

    SimDataDirectory() {}

    public LocalPostgres.DataDirectory state() {
        return state;
    }

    boolean isValid() {
        return state == LocalPostgres.DataDirectory.VALID;
    }

    public void halfWritten(boolean value) {
        state = value ? LocalPostgres.DataDirectory.HALF_WRITTEN : LocalPostgres.DataDirectory.VALID;
    }

    public void initdb(String identifier) {
        Timeline first = new Timeline(1, null, 0);
        bornHere = true;
        state = LocalPostgres.DataDirectory.VALID;
        systemIdentifier = identifier;
        timeline = first;
        end = FIRST_POSITION;
        first.tail = end;
        checkpoint = end;
        redo = end;
        control = "shut down";
        knownTimeline = 1;
        wasStandby = false;
        names = "";
        upstream = -1;
    }

    /** pg_basebackup, or what pg_rewind leaves: everything as the source had it. */
    public void becomeCopyOf(SimDataDirectory source) {
        bornHere = false;
        state = LocalPostgres.DataDirectory.VALID;
        systemIdentifier = source.systemIdentifier;
        timeline = source.timeline;
        end = source.end;
        redo = end;
        checkpoint = end;
        knownTimeline = Math.max(source.timeline.number, 1);
        control = "in archive recovery";
        wasStandby = true;
        promotedFrom = -1;
        slots.clear();
    }

    public void remove() {
        state = LocalPostgres.DataDirectory.EMPTY;
        timeline = null;
        end = 0;
        slots.clear();
        upstream = -1;
        names = "";
    }

    public void configure(int upstreamHost, String standbyNames) {
        upstream = upstreamHost;
        names = standbyNames;
    }

    // --- Slots ---

    public void createSlot(String name) {
        slots.put(name, end);
    }

    public void changeSlots(List<SlotChange> changes) {
        for (SlotChange change : changes) {
            switch (change) {
                case SlotChange.CreatePhysical created -> createSlot(created.name());
                case SlotChange.Drop drop -> slots.remove(drop.name());
                case SlotChange.Expire expire -> slots.remove(expire.name());
                default -> {}
            }
        }
    }

    List<LocalPostgres.Slot> slots() {
        List<LocalPostgres.Slot> present = new ArrayList<>(slots.size());
        slots.forEach((name, restart) -> present.add(new LocalPostgres.Slot(name, false, new Lsn(end))));
        return present;
    }

    // --- WAL ---

    String place() {
        return timeline == null ? "nothing" : timeline + " at " + new Lsn(end);
    }

    boolean holds(Timeline other, long position) {
        return isValid() && timeline != null && timeline.holds(end, other, position);
    }

    public int timelineNumber() {
        return timeline == null ? 0 : timeline.number;
    }

    void write(long bytes) {
        end += bytes;
        timeline.tail = end;
    }

    /** WAL goes on from here: on the branch that this directory was on, or on a fork of it if others went on before. */
    void branchOff() {
        if (end < timeline.tail) {
            timeline = new Timeline(timeline.number, timeline, end);
        }
    }

    /** What a promotion at this moment would open. */
    Timeline nextTimeline() {
        return new Timeline(Math.max(knownTimeline, timeline.number) + 1, timeline, end);
    }

    /** Promoted: WAL goes on on this one, and the control file does not know it yet. */
    void open(Timeline next) {
        promotedFrom = timeline.number;
        timeline = next;
        knownTimeline = next.number;
        wasStandby = false;
        upstream = -1;
        control = "in production";
        checkpoint = end;
        checkpointPending = true;
    }

    /** History files of the numbers below this one. */
    public void leaveOut(int timeline) {
        knownTimeline = Math.max(knownTimeline, timeline - 1);
    }

    /** The file NNNNNNNN.history of the current timeline. */
    public TimelineHistory history() {
        List<TimelineHistory.Row> rows = new ArrayList<>();
        for (Timeline t = timeline; t.parent != null; t = t.parent) {
            rows.addFirst(new TimelineHistory.Row(
                    t.parent.number,
                    new Lsn(t.start),
                    "no recovery target specified",
                    Optional.empty(),
                    Optional.empty()));
        }
        return new TimelineHistory(rows).upTo(timeline.number);
    }

    // --- The control file ---

    LocalPostgres.ControlFile controlFile() {
        return new LocalPostgres.ControlFile(
                control,
                timeline.number,
                new Lsn(checkpoint),
                wasStandby ? new Lsn(redo) : Lsn.INVALID,
                wasStandby ? timeline.number : 0,
                true);
    }

    /** As the control file has it: behind until the first checkpoint after a promotion. */
    public int controlTimeline() {
        return checkpointPending && timeline.parent != null ? timeline.parent.number : timeline.number;
    }

    boolean shutDownCleanly() {
        return control.equals("shut down") || control.equals("shut down in recovery");
    }

    private boolean openedItsTimeline() {
        return timeline.parent != null && timeline.parent.number == promotedFrom;
    }

    /**
     * As Replication.checkDivergence: by numbers and positions.
     *
     * @param replica it serves, or last served, as a standby
     * @param position how far its WAL is known to go
     * @param stopped no server runs on it
     */
    Divergence compareWith(SimDataDirectory leader, boolean replica, long position, boolean stopped) {
        if (timeline.number > leader.timeline.number) {
            return new Divergence.Found("a later timeline");
        }
        if (timeline.number == leader.timeline.number) {
            return replica && !openedItsTimeline()
                    ? new Divergence.None()
                    : new Divergence.Found("a number taken twice", false);
        }
        long left = leader.timeline.leaves(timeline.number, leader.end);
        if (left < 0) {
            return new Divergence.Found("a timeline that the leader never was on");
        }
        if (replica) {
            return position > left ? new Divergence.Found("ahead") : new Divergence.None();
        }
        if (!control.equals("shut down") || !stopped) {
            return new Divergence.Found("was primary and not shut down cleanly");
        }
        return position < left && end == left ? new Divergence.None() : new Divergence.Found("a former primary");
    }
}
