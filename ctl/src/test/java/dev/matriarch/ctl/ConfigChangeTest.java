package dev.matriarch.ctl;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class ConfigChangeTest {
    @Test
    void patchMergesAndNullDeletes() {
        Map<String, Object> patch = new HashMap<>();
        patch.put("a", null);
        patch.put("m", Map.of("y", 2));
        assertEquals(
                Map.of("m", Map.of("x", 1, "y", 2)), ConfigChange.patch(Map.of("a", 1, "m", Map.of("x", 1)), patch));
    }

    @Test
    void setKeepsDotsOfParameters() {
        assertEquals(
                Map.of("postgresql", Map.of("parameters", Map.of("auto_explain.log_analyze", true))),
                ConfigChange.set(Map.of(), "postgresql.parameters.auto_explain.log_analyze=true"));
    }

    @Test
    void setNullRemovesEmptiedMaps() {
        assertEquals(Map.of("ttl", 5), ConfigChange.set(Map.of("ttl", 5, "a", Map.of("b", 1)), "a.b=null"));
        assertThrows(CtlException.class, () -> ConfigChange.set(Map.of(), "ttl"));
    }

    @Test
    void diffHasContextAndHunks() {
        String before = lines(IntStream.rangeClosed(1, 20).toArray());
        String after = before.replace("l2\n", "").replace("l19\n", "l19\nnew\n");
        assertEquals(
                List.of(
                        "--- ",
                        "+++ ",
                        "@@ -1,5 +1,4 @@",
                        " l1",
                        "-l2",
                        " l3",
                        " l4",
                        " l5",
                        "@@ -17,4 +16,5 @@",
                        " l17",
                        " l18",
                        " l19",
                        "+new",
                        " l20"),
                ConfigChange.diff(before, after));
        assertTrue(ConfigChange.diff(before, before).isEmpty());
    }

    private static String lines(int[] numbers) {
        return Arrays.stream(numbers).mapToObj(n -> "l" + n + "\n").collect(Collectors.joining());
    }
}
