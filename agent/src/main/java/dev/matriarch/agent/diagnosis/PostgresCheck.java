package dev.matriarch.agent.diagnosis;

import dev.matriarch.agent.diagnosis.Diagnosis.Check;
import dev.matriarch.proto.control.v1.DiskFacts;
import dev.matriarch.proto.control.v1.MemberFacts;
import dev.matriarch.proto.control.v1.SlotFacts;
import java.util.List;
import java.util.OptionalLong;

/** What may fill the disk of a server, or has left somebody behind. */
final class PostgresCheck implements Check {
    private static final long MUCH = 1L << 30;

    @Override
    public List<Finding> look(Examination of) {
        Notes notes = new Notes("postgresql");
        of.facts().forEach((name, facts) -> {
            facts.getPostgres().getSlotsList().forEach(slot -> slot(of, notes, facts, slot));
            if (!facts.getPostgres().getArchiveProblem().isEmpty()) {
                notes.warning(
                        "archiving",
                        name,
                        facts.getPostgres().getArchiveProblem() + "; WAL is kept until it is archived",
                        "look at archive_command and at PostgreSQL's log on " + name);
            }
        });
        notes.otherwise("slots", "no replication slot is lost or holds back much WAL");
        notes.otherwise(
                "archiving",
                of.facts().values().stream().anyMatch(f -> f.getPostgres().getArchiving())
                        ? "the last attempt to archive WAL succeeded"
                        : "WAL is not archived");
        return notes.findings();
    }

    private static void slot(Examination of, Notes notes, MemberFacts facts, SlotFacts slot) {
        String drop = "its reader has to come back; if it never will: select pg_drop_replication_slot('"
                + slot.getName() + "') on " + facts.getName();
        if (slot.getLost()) {
            notes.error(
                    "slots",
                    facts.getName(),
                    "the replication slot " + slot.getName() + " is lost: WAL that its reader needs is gone",
                    "if it is a member's: matriarchctl reinit " + of.scope()
                            + " MEMBER; else set its reader up anew and" + " drop the slot");
            return;
        }
        OptionalLong free = facts.getDisksList().stream()
                .filter(d -> d.getWhat().contains("WAL") && d.getProblem().isEmpty())
                .mapToLong(DiskFacts::getFree)
                .findFirst();
        boolean muchOfTheDisk = free.isPresent() && slot.getRetained() > MUCH && slot.getRetained() > free.getAsLong();
        if (muchOfTheDisk || (!slot.getActive() && slot.getRetained() > MUCH)) {
            notes.note(
                    muchOfTheDisk,
                    "slots",
                    facts.getName(),
                    "the replication slot " + slot.getName() + " (" + (slot.getActive() ? "active" : "nobody reads it")
                            + ") holds back " + Notes.bytes(slot.getRetained()) + " of WAL"
                            + (free.isPresent() ? ", " + Notes.bytes(free.getAsLong()) + " are free" : ""),
                    drop + ". max_slot_wal_keep_size limits what slots may keep");
        }
    }
}
