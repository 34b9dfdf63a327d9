package dev.matriarch.ctl;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import picocli.CommandLine.Command;

class VerbsTest {
    @Test
    void eachCommandIsUnderItsOwnName() {
        Verbs.ALL.forEach((verb, make) -> {
            Object command = make.get();
            if (!(command instanceof GoneCommand)) {
                assertEquals(
                        verb, command.getClass().getAnnotation(Command.class).name());
            }
        });
        assertEquals(
                List.copyOf(Verbs.ALL.keySet()),
                List.copyOf(Matriarchctl.commandLine(null).getSubcommands().keySet()));
    }

    @Test
    void onlyWhatTheCommandLineMayMeanIsRead() {
        assertEquals(List.of("list"), List.copyOf(Verbs.among(new String[] {"-c", "x.yml", "list", "demo"})));
        assertEquals(List.of("list", "top"), List.copyOf(Verbs.among(new String[] {"-c", "top", "list"})));
        for (String[] all : new String[][] {{}, {"lits"}, {"--help", "list"}, {"-h"}}) {
            assertEquals(Verbs.ALL.keySet(), Verbs.among(all));
        }
    }

    @Test
    void aMistypedCommandIsAdvisedAndTheHelpHasThemAll() {
        CtlRun mistyped = CtlRun.of(Map.of(), "", "switchovr");
        assertEquals(2, mistyped.code());
        assertTrue(mistyped.says("switchover"), mistyped::toString);
        CtlRun help = CtlRun.of(Map.of(), "", "--help");
        assertTrue(help.says("switchover") && help.says("timeline") && help.says("doctor"), help::toString);
    }
}
