package dev.matriarch.raft;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What processes told about a value that they replace in turn, each time on the condition that it is still the one they saw: the
 * values form one chain, each naming the revision of the one before. Every confirmed link must be in the chain that leads to the last
 * one, no refused one may be, and a link that was asked for after another one had been confirmed must come after it.
 *
 * <p>Lines are {@code saw REVISION LINK}, {@code confirmed REVISION LINK ASKED ANSWERED} (nanoseconds of the clock that all processes of
 * a host share), {@code refused NAME} and {@code unknown NAME}; a LINK is {@code NAME<REVISION}, a NAME {@code PROCESS#NUMBER}. A line
 * that the death of its process cut short is ignored. Not thread-safe.
 */
final class Chain {
    /** @param n each process numbers what it tries and never uses a number twice */
    record Name(String process, long n) {
        @Override
        public String toString() {
            return process + "#" + n;
        }
    }

    /** @param after revision of the link before; 0: this is the first */
    record Link(Name name, long after) {
        private static final Pattern TEXT = Pattern.compile("(\\w+)#(\\d+)<(\\d+)");

        static Link parse(String text) {
            Matcher matcher = TEXT.matcher(text);
            if (!matcher.find()) {
                throw new IllegalArgumentException("not a link: " + text);
            }
            return new Link(
                    new Name(matcher.group(1), Long.parseLong(matcher.group(2))), Long.parseLong(matcher.group(3)));
        }

        String json() {
            return "{\"link\": \"" + this + "\"}";
        }

        @Override
        public String toString() {
            return name + "<" + after;
        }
    }

    private record Answer(long revision, long asked, long answered) {}

    private static final Pattern SAW = Pattern.compile("saw (\\d+) (\\w+#\\d+<\\d+)");
    private static final Pattern CONFIRMED = Pattern.compile("confirmed (\\d+) (\\w+#\\d+<\\d+) (-?\\d+) (-?\\d+) *");
    private static final Pattern REFUSED = Pattern.compile("refused (\\w+)#(\\d+)");

    private final Map<Long, Link> links = new HashMap<>();
    private final List<Answer> confirmed = new ArrayList<>();
    private final Set<Name> refused = new HashSet<>();
    private final List<String> violations = new ArrayList<>();

    void tell(String line) {
        Matcher matcher = SAW.matcher(line);
        if (matcher.matches()) {
            know(Long.parseLong(matcher.group(1)), Link.parse(matcher.group(2)));
            return;
        }
        matcher = CONFIRMED.matcher(line);
        if (matcher.matches()) {
            long revision = Long.parseLong(matcher.group(1));
            know(revision, Link.parse(matcher.group(2)));
            confirmed.add(new Answer(revision, Long.parseLong(matcher.group(3)), Long.parseLong(matcher.group(4))));
            return;
        }
        matcher = REFUSED.matcher(line);
        if (matcher.matches()) {
            refused.add(new Name(matcher.group(1), Long.parseLong(matcher.group(2))));
        }
    }

    private void know(long revision, Link link) {
        Link known = links.putIfAbsent(revision, link);
        if (known != null && !known.equals(link)) {
            violations.add("revision " + revision + " was " + known + " for one and " + link + " for another");
        }
    }

    int confirmed() {
        return confirmed.size();
    }

    /**
     * @param last revision of the last link, surely read after everything else had ended
     * @return sentences; none: nothing was lost and nothing changed places
     */
    List<String> violations(long last) {
        List<String> found = new ArrayList<>(violations);
        Set<Long> chain = new HashSet<>();
        for (long revision = last; revision != 0; ) {
            Link link = links.get(revision);
            if (link == null) {
                found.add("nobody saw revision " + revision + ", which the chain goes through");
                break;
            }
            if (link.after() >= revision || !chain.add(revision)) {
                found.add("revision " + revision + " (" + link + ") comes before the one that it follows");
                break;
            }
            if (refused.contains(link.name())) {
                found.add(link.name() + " was refused and yet is revision " + revision);
            }
            revision = link.after();
        }
        for (Answer answer : confirmed) {
            if (!chain.contains(answer.revision())) {
                found.add("revision " + answer.revision() + " (" + links.get(answer.revision())
                        + ") was confirmed and is lost");
            }
        }
        found.addAll(changedPlaces());
        return found;
    }

    /** Whoever asked after an answer had arrived must have got a higher revision than that answer. */
    private List<String> changedPlaces() {
        List<String> found = new ArrayList<>();
        TreeMap<Long, Long> highestAnswered = new TreeMap<>();
        long highest = 0;
        for (Answer answer : confirmed.stream()
                .sorted(java.util.Comparator.comparingLong(Answer::answered))
                .toList()) {
            highest = Math.max(highest, answer.revision());
            highestAnswered.put(answer.answered(), highest);
        }
        for (Answer answer : confirmed) {
            Map.Entry<Long, Long> before = highestAnswered.lowerEntry(answer.asked());
            if (before != null && before.getValue() >= answer.revision()) {
                found.add("revision " + answer.revision() + " was asked for after revision " + before.getValue()
                        + " had been confirmed");
            }
        }
        return found;
    }
}
