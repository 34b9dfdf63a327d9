package dev.matriarch.ctl;

import java.util.concurrent.Callable;
import picocli.AutoComplete;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

@Command(
        name = "completion",
        description = {
            "Print a script that teaches your shell the commands and options.",
            "bash: matriarchctl completion bash > /etc/bash_completion.d/matriarchctl",
            "zsh: source <(matriarchctl completion zsh), in ~/.zshrc after compinit",
            "fish: matriarchctl completion fish > ~/.config/fish/completions/matriarchctl.fish"
        })
final class CompletionCommand implements Callable<Integer> {
    enum Shell {
        bash,
        zsh,
        fish
    }

    @ParentCommand
    private Matriarchctl ctl;

    @Parameters(paramLabel = "SHELL", description = "${COMPLETION-CANDIDATES}")
    private Shell shell;

    @Override
    public Integer call() {
        ctl.terminal().print(script(shell).stripTrailing());
        return 0;
    }

    static String script(Shell shell) {
        CommandLine line = Matriarchctl.commandLine(null);
        return switch (shell) {
            // The script notices zsh and switches its support for bash's completions on.
            case bash, zsh -> AutoComplete.bash("matriarchctl", line);
            case fish -> FishCompletion.script(line);
        };
    }
}
