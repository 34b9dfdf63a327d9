package dev.matriarch.agent.diagnosis;

import dev.matriarch.agent.diagnosis.Diagnosis.Check;
import dev.matriarch.proto.control.v1.DiskFacts;
import java.util.List;
import java.util.Locale;

/** Room for data, WAL and the store. */
final class DiskCheck implements Check {
    private static final long MB = 1L << 20;
    private static final long GB = 1L << 30;

    @Override
    public List<Finding> look(Examination of) {
        Notes notes = new Notes("disk");
        String least = "";
        double leastShare = 2;
        for (var member : of.facts().entrySet()) {
            for (DiskFacts disk : member.getValue().getDisksList()) {
                String where = disk.getWhat() + " " + disk.getPath();
                if (!disk.getProblem().isEmpty()) {
                    notes.error(
                            "disk-space",
                            member.getKey(),
                            where + ": " + disk.getProblem(),
                            "look at the volume and its mount on " + member.getKey() + " (dmesg, df)");
                    continue;
                }
                double share = disk.getTotal() == 0 ? 1 : (double) disk.getFree() / disk.getTotal();
                if (share < leastShare) {
                    leastShare = share;
                    least = where + " of " + member.getKey() + " with " + room(disk);
                }
                space(notes, member.getKey(), where, disk);
                inodes(notes, member.getKey(), where, disk);
            }
        }
        notes.otherwise(
                "disk-space", least.isEmpty() ? "no volume was looked at" : "the fullest volume is that of " + least);
        notes.otherwise("inodes", "there are enough inodes everywhere");
        return notes.findings();
    }

    private static void space(Notes notes, String member, String where, DiskFacts disk) {
        boolean data = disk.getWhat().contains("data directory")
                || disk.getWhat().contains("WAL")
                || disk.getWhat().contains("tablespace");
        long tight = data ? Math.max(256 * MB, Math.min(disk.getTotal() / 100 * 3, 5 * GB)) : 64 * MB;
        long soon = data ? Math.max(GB, Math.min(disk.getTotal() / 10, 50 * GB)) : 256 * MB;
        // A small volume is not full as long as most of it is free.
        tight = Math.min(tight, disk.getTotal() / 10);
        soon = Math.min(soon, disk.getTotal() / 4);
        if (disk.getFree() < soon) {
            notes.note(
                    disk.getFree() < tight,
                    "disk-space",
                    member,
                    where + " has " + room(disk),
                    data
                            ? "make room or enlarge the volume; look at slots and archiving below, and at old logs"
                            : "make room or enlarge the volume");
        }
    }

    private static void inodes(Notes notes, String member, String where, DiskFacts disk) {
        if (disk.getInodes() > 0 && disk.getInodesFree() * 20 < disk.getInodes()) {
            notes.note(
                    disk.getInodesFree() * 100 < disk.getInodes(),
                    "inodes",
                    member,
                    where + " has " + disk.getInodesFree() + " inodes left of " + disk.getInodes(),
                    "find what makes so many files on that volume (du --inodes), or make the file system anew with"
                            + " more");
        }
    }

    private static String room(DiskFacts disk) {
        return String.format(
                Locale.ROOT,
                "%s free of %s (%.0f%%)",
                Notes.bytes(disk.getFree()),
                Notes.bytes(disk.getTotal()),
                disk.getTotal() == 0 ? 0 : 100.0 * disk.getFree() / disk.getTotal());
    }
}
