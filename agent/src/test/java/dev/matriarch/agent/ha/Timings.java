package dev.matriarch.agent.ha;

import java.lang.reflect.RecordComponent;
import java.time.Duration;
import java.util.Arrays;
import java.util.Map;

/** Settings of which only the timing matters; the rest is zero, off or empty, whatever it consists of. */
public final class Timings {
    private Timings() {}

    public static Settings of(Duration ttl, Duration loopWait, Duration retryTimeout) {
        Map<String, Duration> given = Map.of(
                "ttl", ttl, "loopWait", loopWait, "retryTimeout", retryTimeout, "safetyMargin", Rings.agentStops(ttl));
        RecordComponent[] components = Settings.class.getRecordComponents();
        Object[] values = Arrays.stream(components)
                .map(c -> given.containsKey(c.getName()) ? given.get(c.getName()) : zero(c.getType()))
                .toArray();
        Class<?>[] types =
                Arrays.stream(components).map(RecordComponent::getType).toArray(Class<?>[]::new);
        try {
            return Settings.class.getDeclaredConstructor(types).newInstance(values);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e);
        }
    }

    private static Object zero(Class<?> type) {
        if (type == Duration.class) {
            return Duration.ZERO;
        }
        if (type == boolean.class) {
            return false;
        }
        if (type == int.class) {
            return 0;
        }
        if (type == long.class) {
            return 0L;
        }
        if (type == String.class) {
            return "";
        }
        if (type == java.util.Optional.class) {
            return java.util.Optional.empty();
        }
        return type == Settings.Synchronous.class ? Settings.Synchronous.OFF : null;
    }
}
