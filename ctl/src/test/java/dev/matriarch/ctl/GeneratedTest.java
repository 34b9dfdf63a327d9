package dev.matriarch.ctl;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;
import picocli.CommandLine.Model.OptionSpec;

/** What is made of the commands: completions and manual pages. */
class GeneratedTest {
    @TempDir
    private Path directory;

    private static Map<String, CommandLine> visible() {
        Map<String, CommandLine> commands =
                new TreeMap<>(Matriarchctl.commandLine(null).getSubcommands());
        commands.values().removeIf(c -> c.getCommandSpec().usageMessage().hidden());
        return commands;
    }

    /** @return what bash offers for the last of these words */
    private String bashOffers(String... words) throws Exception {
        Path script = directory.resolve("completion");
        Files.writeString(script, CtlRun.of(Map.of(), "", "completion", "bash").out());
        Process bash = new ProcessBuilder(
                        "bash",
                        "-c",
                        "shopt -s expand_aliases extglob; . " + script + "; COMP_WORDS=(" + String.join(" ", words)
                                + " ''); COMP_CWORD=" + words.length
                                + "; _complete_matriarchctl; echo \"${COMPREPLY[@]}\"")
                .redirectErrorStream(true)
                .start();
        String offered = new String(bash.getInputStream().readAllBytes());
        assertTrue(bash.waitFor(20, TimeUnit.SECONDS));
        return offered;
    }

    @Test
    void bashKnowsCommandsAndTheirWords() throws Exception {
        List<String> commands = List.of(bashOffers("matriarchctl").strip().split("\\s+"));
        assertTrue(commands.containsAll(visible().keySet()), commands::toString);
        assertFalse(commands.contains("scaffold"), commands::toString);
        assertFalse(commands.contains("write-man-pages"), commands::toString);
        assertTrue(bashOffers("matriarchctl", "list", "--format").contains("yaml"));
        assertTrue(bashOffers("matriarchctl", "restart", "--role").contains("standby-leader"));
        assertTrue(CtlRun.of(Map.of(), "", "completion", "zsh").out().contains("bashcompinit"));
    }

    @Test
    void fishKnowsCommandsAndOptions() {
        String script = CtlRun.of(Map.of(), "", "completion", "fish").out();
        visible().forEach((name, command) -> {
            assertTrue(script.contains(" -n __fish_use_subcommand -a " + name + " -d "), name);
            for (OptionSpec option : command.getCommandSpec().options()) {
                if (!option.hidden() && !option.inherited()) {
                    String there = " -n '__fish_seen_subcommand_from " + name + "'";
                    String last = option.longestName().replaceFirst("^--?", "");
                    assertTrue(
                            script.lines()
                                    .anyMatch(l -> l.contains(there) && l.matches(".* -[lso] " + last + "( .*)?")),
                            name + " " + option.longestName());
                }
            }
        });
        assertTrue(script.contains(" -l format -x -a 'pretty topology tsv json yaml yml'"), script);
        assertTrue(script.contains(" -s c -l config-file -r -F "), script);
        assertFalse(script.contains("scaffold"), script);
        // Every line has its quotes in pairs.
        script.lines()
                .forEach(l -> assertEquals(
                        0, l.replace("\\'", "").chars().filter(c -> c == '\'').count() % 2, l));
        assertEquals(2, CtlRun.of(Map.of(), "", "completion", "csh").code());
    }

    @Test
    void everyCommandHasAManualPageWithItsOptions() throws Exception {
        assertEquals(
                0,
                CtlRun.of(Map.of(), "", "write-man-pages", directory.toString()).code());
        String root = Files.readString(directory.resolve("man/man1/matriarchctl.1"));
        assertTrue(root.contains(".SH EXIT STATUS"), root);
        assertTrue(root.contains("\\-\\-endpoint"), root);
        for (Map.Entry<String, CommandLine> command : visible().entrySet()) {
            String escaped = command.getKey().replace("-", "\\-");
            assertTrue(root.contains("\\fB" + escaped + "\\fR"), command.getKey());
            String page = Files.readString(directory.resolve("man/man1/matriarchctl-" + command.getKey() + ".1"));
            assertTrue(page.startsWith(".TH \"MATRIARCHCTL-"), page);
            assertTrue(page.contains("matriarchctl " + escaped), page);
            for (OptionSpec option : command.getValue().getCommandSpec().options()) {
                assertEquals(
                        !option.hidden() && !option.inherited(),
                        page.contains(
                                "\n\\fB" + String.join(", ", option.names()).replace("-", "\\-")),
                        command.getKey() + " " + option.longestName() + "\n" + page);
            }
        }
        for (String file :
                List.of("bash-completion/completions/matriarchctl", "fish/vendor_completions.d/matriarchctl.fish")) {
            assertTrue(Files.size(directory.resolve(file)) > 1000, file);
        }
        String zsh = Files.readString(directory.resolve("zsh/vendor-completions/_matriarchctl"));
        assertTrue(zsh.startsWith("#compdef matriarchctl\n"), "zsh finds the command by the first line");
        assertTrue(
                zsh.endsWith("\n_bash_complete -o default -F _complete_matriarchctl\n"),
                "the first call completes, too");
    }

    @Test
    void everyCommandSaysWhatItDoes() {
        visible()
                .forEach((name, command) ->
                        assertTrue(command.getCommandSpec().usageMessage().description().length > 0, name));
    }
}
