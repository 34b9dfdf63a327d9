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
        write("bash-completion/completions/matriarchctl", CompletionCommand.Shell.bash);
        write("fish/vendor_completions.d/matriarchctl.fish", CompletionCommand.Shell.fish);
        return 0;
    }

    private void write(String file, CompletionCommand.Shell shell) throws IOException {
        Path path = directory.resolve(file);
        Files.createDirectories(path.getParent());
        Files.writeString(path, CompletionCommand.script(shell));
    }
}
