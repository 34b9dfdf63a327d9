package dev.matriarch.sim;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** PostgreSQL's reading of synchronous_standby_names: whom a commit waits for. */
record SyncNames(boolean any, int count, List<String> names) {
    static final SyncNames NONE = new SyncNames(false, 0, List.of());
    private static final Pattern FORM =
            Pattern.compile("\\s*(?:(ANY|FIRST)?\\s*(\\d+)\\s*\\((.*)\\)|(.*))\\s*", Pattern.CASE_INSENSITIVE);

    static SyncNames parse(String text) {
        if (text.isBlank()) {
            return NONE;
        }
        Matcher form = FORM.matcher(text);
        if (!form.matches()) {
            throw new IllegalArgumentException("synchronous_standby_names cannot be '" + text + "'");
        }
        boolean listed = form.group(3) != null;
        List<String> names = new ArrayList<>();
        Arrays.stream((listed ? form.group(3) : form.group(4)).split(","))
                .map(n -> n.strip().replace("\"", "").toLowerCase(Locale.ROOT))
                .forEach(names::add);
        boolean any = "ANY".equalsIgnoreCase(form.group(1));
        return new SyncNames(any, listed ? Integer.parseInt(form.group(2)) : 1, List.copyOf(names));
    }

    boolean isNone() {
        return names.isEmpty();
    }

    private boolean lists(String name) {
        return names.contains(name) || names.contains("*");
    }

    /** {@code sync_state} of a connected standby. */
    String state(WalSenders senders, String name) {
        if (!lists(name)) {
            return "async";
        }
        if (any) {
            return "quorum";
        }
        int before = 0;
        for (String other : names) {
            if (other.equals(name)) {
                break;
            }
            before += senders.confirmedBy(other) >= 0 ? 1 : 0;
        }
        return before < count ? "sync" : "potential";
    }

    /** The position that enough standbys have confirmed; 0 if not enough are connected. */
    long confirmed(WalSenders senders) {
        List<Long> flushed = new ArrayList<>();
        for (String name : names) {
            if (name.equals("*")) {
                for (int i = 0; i < senders.hosts(); i++) {
                    add(flushed, senders.confirmedBy(i));
                }
            } else {
                add(flushed, senders.confirmedBy(name));
            }
        }
        if (flushed.size() < count) {
            return 0;
        }
        // FIRST: those of highest priority among the connected, and all of them. ANY: whichever were quickest.
        List<Long> counted = any ? flushed : new ArrayList<>(flushed.subList(0, count));
        counted.sort(null);
        return counted.get(counted.size() - count);
    }

    private static void add(List<Long> flushed, long position) {
        if (position >= 0) {
            flushed.add(position);
        }
    }
}
