package dev.matriarch.ctl;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** Commands of earlier Patroni versions that have nothing left to do: says what does it now. */
@Command(hidden = true)
final class GoneCommand implements Callable<Integer> {
    private final String sentence;

    @Parameters(arity = "0..*")
    private List<String> ignored = new ArrayList<>();

    private GoneCommand(String sentence) {
        this.sentence = sentence;
    }

    static GoneCommand scaffold() {
        return new GoneCommand(
                "scaffold is not needed: the first agent that starts creates the cluster's keys, and one that"
                        + " finds a running server or a data directory takes its system identifier up. See docs/bootstrap.md");
    }

    static GoneCommand configure() {
        return new GoneCommand("configure is gone: matriarchctl reads the agent's own configuration (-c FILE), or"
                + " ~/.config/matriarch/ctl.yaml with ctl.endpoints");
    }

    @Override
    public Integer call() {
        throw CtlException.refused(sentence);
    }
}
