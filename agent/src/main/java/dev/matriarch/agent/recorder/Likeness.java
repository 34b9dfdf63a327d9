package dev.matriarch.agent.recorder;

import dev.matriarch.agent.ha.WritePath;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Lsn;
import java.lang.reflect.Method;
import java.lang.reflect.RecordComponent;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * Whether two values tell of the same: they may differ in clocks, WAL positions, the store's revision counter, the
 * room on a disk that has enough, and the numbers inside sentences. Pure; compares twice a second for as long as the agent lives, and so builds nothing.
 */
final class Likeness {
    private static final Set<String> CLOCKS = Set.of("now", "wallClock", "deadline", "replayTimestamp");
    private static final Set<String> SENTENCES = Set.of("because", "why", "problem");
    private static final Pattern POSITION = Pattern.compile("[0-9A-F]{1,8}/[0-9A-F]{1,8}");
    private static final Pattern NUMBER = Pattern.compile("\\d+");

    private record Part(String name, Method read, boolean sentence) {}

    /** Of a record's components those that matter. */
    private static final ClassValue<Part[]> PARTS = new ClassValue<>() {
        @Override
        protected Part[] computeValue(Class<?> type) {
            return Arrays.stream(type.getRecordComponents())
                    .filter(c -> !CLOCKS.contains(c.getName()))
                    .filter(c -> type != ClusterView.class || !c.getName().equals("revision"))
                    .filter(c -> type != WritePath.class || !c.getName().equals("room"))
                    .map(Likeness::part)
                    .toArray(Part[]::new);
        }
    };

    private Likeness() {}

    private static Part part(RecordComponent component) {
        Method read = component.getAccessor();
        read.setAccessible(true);
        return new Part(component.getName(), read, SENTENCES.contains(component.getName()));
    }

    static boolean of(Object one, Object other) {
        return of(one, other, false);
    }

    private static boolean of(Object one, Object other, boolean sentence) {
        if (one == other) {
            return true;
        }
        if (one == null || other == null || one.getClass() != other.getClass() && !collections(one, other)) {
            return false;
        }
        return switch (one) {
            case Lsn position -> true;
            case WritePath path -> path.fits() == ((WritePath) other).fits() && components(path, (WritePath) other);
            case Record record -> components(record, (Record) other);
            case Optional<?> optional -> of(optional.orElse(null), ((Optional<?>) other).orElse(null), sentence);
            case List<?> list -> lists(list, (List<?>) other, sentence);
            case Map<?, ?> map -> maps(map, (Map<?, ?>) other);
            case String text -> texts(text, (String) other, sentence);
            default -> Objects.equals(one, other);
        };
    }

    /** Lists and maps are alike by what they hold, whatever holds it. */
    private static boolean collections(Object one, Object other) {
        return one instanceof List && other instanceof List
                || one instanceof Map && other instanceof Map
                || one instanceof Set && other instanceof Set;
    }

    private static boolean components(Record one, Record other) {
        try {
            for (Part part : PARTS.get(one.getClass())) {
                if (!of(part.read.invoke(one), part.read.invoke(other), part.sentence)) {
                    return false;
                }
            }
            return true;
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException("a component of " + one.getClass() + " cannot be read", e);
        }
    }

    private static boolean lists(List<?> one, List<?> other, boolean sentence) {
        if (one.size() != other.size()) {
            return false;
        }
        Iterator<?> others = other.iterator();
        for (Object element : one) {
            if (!of(element, others.next(), sentence)) {
                return false;
            }
        }
        return true;
    }

    private static boolean maps(Map<?, ?> one, Map<?, ?> other) {
        if (one.size() != other.size()) {
            return false;
        }
        for (Map.Entry<?, ?> entry : one.entrySet()) {
            if (!other.containsKey(entry.getKey()) || !of(entry.getValue(), other.get(entry.getKey()), false)) {
                return false;
            }
        }
        return true;
    }

    private static boolean texts(String one, String other, boolean sentence) {
        return one.equals(other)
                || sentence && withoutNumbers(one).equals(withoutNumbers(other))
                || POSITION.matcher(one).matches() && POSITION.matcher(other).matches();
    }

    private static String withoutNumbers(String text) {
        return NUMBER.matcher(text).replaceAll("#");
    }
}
