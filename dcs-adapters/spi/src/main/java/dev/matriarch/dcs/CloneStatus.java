package dev.matriarch.dcs;

import java.util.Locale;
import java.util.OptionalLong;

/**
 * How far a member is with the copy that makes it a replica.
 *
 * @param method that makes it, such as {@code basebackup}
 * @param bytes copied so far
 * @param total bytes that there will be; 0: unknown
 * @param rate bytes per second
 * @param secondsLeft at this rate
 */
public record CloneStatus(String method, long bytes, long total, long rate, OptionalLong secondsLeft) {
    private static final String[] UNITS = {"B", "kB", "MB", "GB", "TB", "PB"};

    /** For people: {@code 1.2 GB of 3.4 GB (35%), 95 MB/s, 24 s left}. */
    public String words() {
        StringBuilder text = new StringBuilder(size(bytes));
        if (total > 0) {
            text.append(" of ")
                    .append(size(total))
                    .append(" (")
                    .append(bytes * 100 / total)
                    .append("%)");
        }
        if (rate > 0) {
            text.append(", ").append(size(rate)).append("/s");
        }
        if (secondsLeft.isPresent()) {
            text.append(", ").append(time(secondsLeft.getAsLong())).append(" left");
        }
        return text.toString();
    }

    private static String size(long bytes) {
        double value = bytes;
        int unit = 0;
        while (value >= 1000 && unit < UNITS.length - 1) {
            value /= 1024;
            unit++;
        }
        return String.format(Locale.ROOT, value < 10 && unit > 0 ? "%.1f %s" : "%.0f %s", value, UNITS[unit]);
    }

    private static String time(long seconds) {
        if (seconds < 120) {
            return seconds + " s";
        }
        return seconds < 7200
                ? seconds / 60 + " min"
                : String.format(Locale.ROOT, "%d h %02d min", seconds / 3600, seconds / 60 % 60);
    }
}
