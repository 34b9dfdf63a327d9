package dev.matriarch.ctl;

import dev.matriarch.proto.control.v1.GetClusterReply;
import dev.matriarch.proto.watch.v1.EventsReply;
import dev.matriarch.proto.watch.v1.EventsRequest;
import dev.matriarch.proto.watch.v1.PulseReply;
import dev.matriarch.proto.watch.v1.PulseRequest;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

@Command(
        name = "top",
        description = "Watch the cluster: roles, lag, the rest of the lease, guards, and what happens. q ends it.")
final class TopCommand implements Callable<Integer> {
    private static final long EVENTS_OF_MILLIS = 3_600_000;
    private static final int MOST_EVENTS = 40;

    @ParentCommand
    private Matriarchctl ctl;

    @Parameters(arity = "0..1", paramLabel = "CLUSTER")
    private String cluster;

    @Option(
            names = {"-w", "--watch"},
            paramLabel = "SECONDS",
            defaultValue = "1",
            description = "Between looks. Default: 1.")
    private double every;

    @Option(
            names = "--count",
            paramLabel = "N",
            description = "End after so many looks. Without a terminal each is printed below the one before.")
    private int count;

    @Option(
            names = {"-f", "--format", "-o", "--output"},
            defaultValue = "pretty",
            description = "pretty; json: each look is a line; yaml: each is a document.")
    private Format format;

    private boolean failed;

    @Override
    public Integer call() throws Exception {
        if (format == Format.tsv) {
            throw CtlException.usage("--output: pretty, json or yaml");
        }
        // A wrong endpoint or cluster is an error and not a picture.
        try (CitusWatch watch = new CitusWatch(ctl, cluster);
                Screen screen = format.isPretty() ? Screen.open(ctl.terminal()) : Screen.ofLines(ctl.terminal())) {
            screen.repeat(Math.max(0.2, every), count, size -> look(watch, size));
        }
        return failed ? CtlException.REFUSED : 0;
    }

    private List<String> look(CitusWatch watch, Screen.Size size) {
        try {
            CitusWatch.Answers<TopLook.Part> answers = ask(watch);
            TopLook look = new TopLook(answers.parts(), answers.silent());
            Instant now = Instant.now();
            if (format.isPretty()) {
                return TopView.lines(look, size, now);
            }
            String document = format.document(look.document(now));
            return List.of(format == Format.json ? document : "---\n" + document);
        } catch (CtlException e) {
            // Of a look that was ordered something is expected; who watches for hours sees the next one.
            failed |= count > 0;
            if (!format.isPretty()) {
                ctl.terminal().complain(e.getMessage());
                return List.of();
            }
            return List.of("No agent answers at the moment; asking again.", "", e.getMessage());
        }
    }

    /** One of a number of looks is worth a second try, through any agent. */
    private CitusWatch.Answers<TopLook.Part> ask(CitusWatch watch) {
        try {
            return watch.ask(TopCommand::part);
        } catch (CtlException e) {
            if (count <= 0 || e.isAbort()) {
                throw e;
            }
            return watch.ask(TopCommand::part);
        }
    }

    private static TopLook.Part part(Integer group, Agents agents) {
        GetClusterReply now = agents.refresh();
        PulseReply pulses = agents.watch(stub -> stub.pulse(PulseRequest.getDefaultInstance()));
        EventsReply events = agents.watch(stub -> stub.events(EventsRequest.newBuilder()
                .setSinceMillis(Instant.now().toEpochMilli() - EVENTS_OF_MILLIS)
                .setMost(MOST_EVENTS)
                .build()));
        return new TopLook.Part(group, now, pulses, events);
    }
}
