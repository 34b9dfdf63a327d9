package dev.matriarch.agent.recorder;

import dev.matriarch.dcs.Lsn;
import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.lang.reflect.TypeVariable;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Random;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;

/** Makes any value of the observed world out of its declaration alone: a new field is covered without a word here. */
final class Arbitrary {
    private final Random random;

    Arbitrary(long seed) {
        random = new Random(seed);
    }

    <T> T of(Class<T> type) {
        return type.cast(of(type, Map.of()));
    }

    private Object of(Type type, Map<TypeVariable<?>, Type> bound) {
        if (type instanceof TypeVariable<?> variable) {
            return of(bound.get(variable), bound);
        }
        if (type instanceof ParameterizedType generic) {
            Class<?> raw = (Class<?>) generic.getRawType();
            Type[] arguments = generic.getActualTypeArguments();
            if (raw == Optional.class) {
                return random.nextBoolean() ? Optional.empty() : Optional.of(of(arguments[0], bound));
            }
            if (Map.class.isAssignableFrom(raw)) {
                Map<Object, Object> map = new LinkedHashMap<>();
                for (int i = random.nextInt(4); i > 0; i--) {
                    map.put(of(arguments[0], bound), of(arguments[1], bound));
                }
                return map;
            }
            if (Collection.class.isAssignableFrom(raw)) {
                List<Object> list = new ArrayList<>();
                for (int i = random.nextInt(4); i > 0; i--) {
                    list.add(of(arguments[0], bound));
                }
                return SortedSet.class.isAssignableFrom(raw)
                        ? new TreeSet<>(list)
                        : Set.class.isAssignableFrom(raw) ? Set.copyOf(list) : list;
            }
            Map<TypeVariable<?>, Type> inner = new LinkedHashMap<>();
            for (int i = 0; i < arguments.length; i++) {
                inner.put(raw.getTypeParameters()[i], arguments[i]);
            }
            return record(raw, inner);
        }
        return plain((Class<?>) type);
    }

    private Object plain(Class<?> type) {
        if (type.isEnum()) {
            return type.getEnumConstants()[random.nextInt(type.getEnumConstants().length)];
        }
        if (type.isSealed() && type.isInterface()) {
            Class<?>[] members = type.getPermittedSubclasses();
            return plain(members[random.nextInt(members.length)]);
        }
        return switch (type.getName()) {
            case "boolean", "java.lang.Boolean" -> random.nextBoolean();
            case "int", "java.lang.Integer" -> random.nextInt();
            case "long", "java.lang.Long" -> random.nextLong();
            case "double", "java.lang.Double" -> random.nextDouble();
            case "java.lang.String" -> text();
            case "java.lang.Object" -> List.of(true, 7, "x").get(random.nextInt(3));
            case "java.util.OptionalInt" ->
                random.nextBoolean() ? OptionalInt.empty() : OptionalInt.of(random.nextInt());
            case "java.util.OptionalLong" ->
                random.nextBoolean() ? OptionalLong.empty() : OptionalLong.of(random.nextLong());
            case "java.time.Duration" -> Duration.ofNanos(random.nextLong() >> 8);
            case "java.time.Instant" -> Instant.ofEpochSecond(random.nextInt(), random.nextInt(1_000_000_000));
            case "dev.matriarch.dcs.Lsn" -> new Lsn(random.nextLong());
            default -> record(type, Map.of());
        };
    }

    private String text() {
        String[] words = {"n1", "", "running", "Grüße \"quoted\" \\ \n", "0/5000000", "1", "null"};
        return words[random.nextInt(words.length)] + random.nextInt(100);
    }

    private Object record(Class<?> type, Map<TypeVariable<?>, Type> bound) {
        RecordComponent[] components = type.getRecordComponents();
        if (components == null) {
            throw new AssertionError(type + " is no record: say here how to make one, and in Codec how to write it");
        }
        for (int attempt = 0; ; attempt++) {
            Object[] values = new Object[components.length];
            Class<?>[] types = new Class<?>[components.length];
            for (int i = 0; i < components.length; i++) {
                values[i] = of(components[i].getGenericType(), bound);
                types[i] = components[i].getType();
            }
            try {
                Constructor<?> constructor = type.getDeclaredConstructor(types);
                constructor.setAccessible(true);
                return constructor.newInstance(values);
            } catch (InvocationTargetException refused) {
                if (attempt > 100) {
                    throw new AssertionError("no arbitrary " + type.getSimpleName() + " was accepted", refused);
                }
            } catch (ReflectiveOperationException e) {
                throw new AssertionError(e);
            }
        }
    }
}
