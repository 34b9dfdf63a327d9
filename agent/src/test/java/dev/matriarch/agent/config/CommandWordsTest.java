package dev.matriarch.agent.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.List;
import org.junit.jupiter.api.Test;

class CommandWordsTest {
    @Test
    void wordsAreSplitAsAShellWould() {
        assertEquals(List.of("/bin/cb"), CommandWords.split(" /bin/cb "));
        assertEquals(List.of("/bin/cb", "a b", "c'd", ""), CommandWords.split("/bin/cb 'a b' \"c'd\" ''"));
        assertEquals(
                List.of("/my dir/cb", "\\n", "\"", "$HOME"), CommandWords.split("/my\\ dir/cb \"\\n\" \"\\\"\" $HOME"));
    }

    @Test
    void whatIsNoCommandIsRefused() {
        assertThrows(IllegalArgumentException.class, () -> CommandWords.split("/bin/cb 'open"));
        assertThrows(IllegalArgumentException.class, () -> CommandWords.split("/bin/cb \\"));
        assertThrows(IllegalArgumentException.class, () -> CommandWords.split("''"));
    }
}
