package dev.matriarch.ctl;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** Part of the build: writes what packages install beside the program. */
@Command(name = "write-man-pages", hidden = true, description = "Write manual pages and completions for packages.")
final class ManPagesCommand implements Callable<Integer> {
    @Parameters(paramLabel = "DIRECTORY", description = "share of the distribution.")
    private Path directory;

    @Override
    public Integer call() throws IOException {
        Path man = Files.createDirectories(directory.resolve("man/man1"));
        for (Map.Entry<String, String> page :
                ManPages.all(Matriarchctl.commandLine(null)).entrySet()) {
            Files.writeString(man.resolve(page.getKey()), page.getValue());
        }
        String bash = CompletionCommand.script(CompletionCommand.Shell.bash);
        write("bash-completion/completions/matriarchctl", bash);
        write("fish/vendor_completions.d/matriarchctl.fish", CompletionCommand.script(CompletionCommand.Shell.fish));
        write("zsh/vendor-completions/_matriarchctl", loadedByZsh(bash));
        return 0;
    }

    /**
     * A file that zsh loads as a function at the first need: the script then only defines what completes, and its last line does so.
     * A function that is loaded knows no alias, which is how the script calls what bash has and zsh has not.
     */
    private static String loadedByZsh(String bash) {
        return "#compdef matriarchctl\ncompopt() { : }\n" + bash
                + "\n_bash_complete -o default -F _complete_matriarchctl\n";
    }

    private void write(String file, String script) throws IOException {
        Path path = directory.resolve(file);
        Files.createDirectories(path.getParent());
        Files.writeString(path, script);
    }
}
