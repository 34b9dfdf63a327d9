package dev.matriarch.agent.diagnosis;

import dev.matriarch.agent.diagnosis.Diagnosis.Check;
import dev.matriarch.proto.control.v1.ClockFacts;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/** Leases go by monotonic clocks. Wall clocks stand in logs and schedules, and certificates and recovery targets go by them. */
final class ClocksCheck implements Check {
    private static final long WARNING_MICROS = 1_000_000;
    private static final long ERROR_MICROS = 30_000_000;

    /** @param apart at least; @param uncertain what the way there and back leaves open */
    private record Difference(String one, String other, long ahead, long uncertain) {
        long atLeast() {
            return Math.max(0, Math.abs(ahead) - uncertain);
        }
    }

    @Override
    public List<Finding> look(Examination of) {
        Notes notes = new Notes("clocks");
        Map<String, Difference> pairs = new TreeMap<>();
        of.facts().forEach((name, facts) -> {
            for (ClockFacts clock : facts.getClocksList()) {
                boolean inOrder = name.compareTo(clock.getMember()) < 0;
                Difference seen = new Difference(
                        inOrder ? name : clock.getMember(),
                        inOrder ? clock.getMember() : name,
                        inOrder ? clock.getAheadMicros() : -clock.getAheadMicros(),
                        clock.getUncertainMicros());
                pairs.merge(seen.one() + " " + seen.other(), seen, (a, b) -> a.uncertain() <= b.uncertain() ? a : b);
            }
        });
        long most = 0;
        for (Difference pair : pairs.values()) {
            most = Math.max(most, Math.abs(pair.ahead()) + pair.uncertain());
            if (pair.atLeast() >= WARNING_MICROS) {
                String ahead = pair.ahead() > 0 ? pair.other() : pair.one();
                String behind = pair.ahead() > 0 ? pair.one() : pair.other();
                notes.note(
                        pair.atLeast() >= ERROR_MICROS,
                        "clock-difference",
                        "",
                        "the clock of " + ahead + " is " + seconds(Math.abs(pair.ahead())) + " s ahead of that of "
                                + behind + " (measured to " + seconds(pair.uncertain()) + " s)",
                        "synchronize both hosts' clocks (chrony or systemd-timesyncd; chronyc tracking, timedatectl)");
            }
        }
        if (!pairs.isEmpty()) {
            notes.otherwise(
                    "clock-difference",
                    "at most " + seconds(most) + " s apart, "
                            + Notes.count(pairs.size(), "pair of members", "pairs of members") + " measured");
        }
        return notes.findings();
    }

    private static String seconds(long micros) {
        return String.format(Locale.ROOT, "%.3f", micros / 1e6);
    }
}
