package dev.matriarch.ctl;

import dev.matriarch.proto.control.v1.ControlServiceGrpc;
import dev.matriarch.proto.control.v1.GetConfigReply;
import dev.matriarch.proto.control.v1.GetConfigRequest;
import dev.matriarch.proto.control.v1.MarkStoreRequest;
import dev.matriarch.proto.control.v1.MemberAddress;
import dev.matriarch.proto.control.v1.MoveReply;
import dev.matriarch.proto.control.v1.MoveServiceGrpc;
import dev.matriarch.proto.control.v1.Place;
import dev.matriarch.proto.control.v1.PrepareStoreRequest;
import dev.matriarch.proto.control.v1.SetConfigReply;
import dev.matriarch.proto.control.v1.SetConfigRequest;
import dev.matriarch.proto.control.v1.UseStoreRequest;
import io.grpc.StatusRuntimeException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

/** Looks, does the next step of {@link MovePlan}, and looks again, until there is nothing left to do or nothing moves any more. */
@Command(
        name = "migrate",
        description = {
            "Move a running cluster to another store, the built-in one or one of others. PostgreSQL goes on.",
            "Every member must run Matriarch and have both stores in its configuration. What is in the way is said before"
                    + " anything is changed. After an interruption the same command goes on."
        })
final class MigrateCommand implements Callable<Integer> {
    private static final Duration ORDER = Duration.ofSeconds(40);
    private static final Duration STANDSTILL = Duration.ofSeconds(120);
    private static final Duration LONGEST = Duration.ofMinutes(15);
    private static final long LOOK_AGAIN_MILLIS = 300;

    @ParentCommand
    private Matriarchctl ctl;

    @Parameters(arity = "0..1", paramLabel = "CLUSTER")
    private String cluster;

    @Option(
            names = "--to",
            required = true,
            paramLabel = "STORE",
            description = "Section of the store to move to: raft, etcd3, etcd, consul, zookeeper or exhibitor.")
    private String target;

    @Option(
            names = "--without",
            paramLabel = "MEMBER",
            description = "A member that does not answer and whose host is switched off for good; may be given several"
                    + " times.")
    private List<String> without = new ArrayList<>();

    @Option(names = "--dry-run", description = "Show what is in the way, or what would be done, and change nothing.")
    private boolean dryRun;

    @Option(
            names = {"--force", "--yes"},
            description = "Do not ask for confirmation.")
    private boolean force;

    @Option(
            names = {"-f", "--format", "-o", "--output"},
            defaultValue = "pretty",
            description = "pretty, json or yaml; the latter two need --dry-run or --force")
    private Format format;

    private final List<String> lines = new ArrayList<>();
    private MoveLook look;
    private String scope;
    /** As the REST API's codes; null: nothing was to be changed. */
    private Integer status;

    private boolean resume;
    private String problem = "";

    @Override
    public Integer call() throws InterruptedException {
        if (format == Format.tsv) {
            throw CtlException.usage("migrate writes pretty, json or yaml, not " + format);
        }
        if (format.isPretty()) {
            return carryOut();
        }
        if (!dryRun && !force) {
            throw CtlException.usage("--output " + format + " asks no questions: add --dry-run or --force");
        }
        Terminal out = ctl.proseAside();
        int code = carryOut();
        Map<String, Object> whole = new LinkedHashMap<>();
        whole.put("cluster", scope);
        whole.put("to", target);
        whole.put("status", status);
        whole.put("message", lines.getLast());
        whole.put("lines", lines);
        out.print(format.document(whole));
        return code;
    }

    private void say(String line) {
        lines.add(line);
        ctl.terminal().print(line);
    }

    private void complain(String line) {
        lines.add(line);
        ctl.terminal().complain(line);
    }

    private int carryOut() throws InterruptedException {
        Settings settings = ctl.settings();
        try (Agents agents = Agents.unasked(settings)) {
            look = new MoveLook(agents, settings);
            MovePlan.Standing standing = stand(true);
            scope = standing.members().stream()
                    .flatMap(m -> m.place().stream())
                    .map(Place::getScope)
                    .findFirst()
                    .orElseThrow();
            Matriarchctl.check(cluster, scope);
            MovePlan.Step step = MovePlan.next(standing);
            switch (step) {
                case MovePlan.Step.Refuse refuse -> {
                    return refused(refuse);
                }
                case MovePlan.Step.Done done -> {
                    say(done.how());
                    status = 200;
                    return 0;
                }
                default -> {}
            }
            if (dryRun) {
                tell(standing, step);
                return 0;
            }
            if (!force
                    && !ctl.terminal()
                            .confirm("Move cluster " + scope + " (" + names(standing) + ") to the store " + target
                                    + "?")) {
                throw CtlException.refused("Aborted!");
            }
            return go(standing, step);
        }
    }

    private static String names(MovePlan.Standing standing) {
        return standing.members().stream().map(MovePlan.Member::name).collect(Collectors.joining(", "));
    }

    private MovePlan.Standing stand(boolean examine) throws InterruptedException {
        List<MovePlan.Member> all = look.members(target, examine);
        Set<String> dead = new TreeSet<>(without);
        for (MovePlan.Member member : all) {
            if (dead.contains(member.name()) && member.place().isPresent()) {
                throw CtlException.refused(member.name() + " answers: it takes part in the move, without --without");
            }
        }
        List<MovePlan.Member> alive =
                all.stream().filter(m -> !dead.contains(m.name())).toList();
        resume |= alive.stream().flatMap(m -> m.place().stream()).anyMatch(Place::getResume);
        return new MovePlan.Standing(target, alive, dead, examine, resume);
    }

    private int refused(MovePlan.Step.Refuse refuse) {
        status = 412;
        complain("The cluster cannot be moved to " + target + "; nothing was changed just now:");
        refuse.obstacles().forEach(o -> complain("  " + o));
        return CtlException.REFUSED;
    }

    private void tell(MovePlan.Standing standing, MovePlan.Step first) {
        standing.members().stream()
                .flatMap(m -> m.place().stream())
                .forEach(p -> say(p.getName() + " uses " + p.getStore()
                        + (p.getLeads() ? ", leads" : "")
                        + (p.getPaused() ? ", paused" : "")
                        + (p.getMovedTo().isEmpty() ? "" : ", its store is closed for a move to " + p.getMovedTo())));
        say("Nothing is in the way. Next: " + words(first) + ".");
        if (first instanceof MovePlan.Step.Pause) {
            say("Then the old store is closed, the agents of " + names(standing) + " begin anew with " + target
                    + " while PostgreSQL goes on, the primary takes the lock there, and the pause ends.");
        }
    }

    private static String words(MovePlan.Step step) {
        return switch (step) {
            case MovePlan.Step.Refuse refuse -> String.join("; ", refuse.obstacles());
            case MovePlan.Step.Wait(String what) -> what;
            case MovePlan.Step.Pause pause -> "the cluster is paused";
            case MovePlan.Step.Close(String by, boolean prepares) ->
                (prepares ? "the new store is prepared, and " : "") + "the store that " + by
                        + " uses is closed: nobody leads by it any more";
            case MovePlan.Step.Open(String by) -> "the store that " + by + " uses is opened again";
            case MovePlan.Step.Go(List<String> members, boolean back) ->
                "the agents of " + String.join(", ", members) + (back ? " go back" : " begin anew with the new store");
            case MovePlan.Step.Resume resume -> "the pause ends";
            case MovePlan.Step.Done(String how) -> how;
        };
    }

    private int go(MovePlan.Standing begin, MovePlan.Step first) throws InterruptedException {
        MovePlan.Standing standing = begin;
        MovePlan.Step step = first;
        MovePlan.Step before = null;
        long started = System.nanoTime();
        long since = started;
        while (true) {
            if (!step.equals(before)) {
                say(step instanceof MovePlan.Step.Wait(String what) ? "Waiting: " + what : words(step));
                since = System.nanoTime();
                before = step;
            }
            switch (step) {
                case MovePlan.Step.Refuse refuse -> {
                    return stopped(refuse.obstacles());
                }
                case MovePlan.Step.Done done -> {
                    status = 200;
                    return 0;
                }
                default -> act(step, standing);
            }
            long now = System.nanoTime();
            if (now - since > STANDSTILL.toNanos() || now - started > LONGEST.toNanos()) {
                return stopped(problem.isEmpty() ? List.of(words(step)) : List.of(words(step), problem));
            }
            TimeUnit.MILLISECONDS.sleep(LOOK_AGAIN_MILLIS);
            standing = stand(false);
            step = MovePlan.next(standing);
        }
    }

    private int stopped(List<String> where) {
        status = 503;
        complain("The move does not go on. It stands here:");
        where.forEach(w -> complain("  " + w));
        complain("Nobody is elected meanwhile, and PostgreSQL goes on. When that is mended, the same command goes on;"
                + " migrate --to the store that the members came from goes back, as long as nobody has led by "
                + target);
        return CtlException.REFUSED;
    }

    private void act(MovePlan.Step step, MovePlan.Standing standing) {
        problem = "";
        try {
            switch (step) {
                case MovePlan.Step.Pause(String by) -> {
                    pause(by, true);
                    resume = true;
                }
                case MovePlan.Step.Resume(String by) -> pause(by, false);
                case MovePlan.Step.Close(String by, boolean prepares) -> {
                    if (!prepares
                            || done(
                                    by,
                                    stub(by).prepareStore(PrepareStoreRequest.newBuilder()
                                            .setScope(scope)
                                            .setStore(target)
                                            .build()))) {
                        done(
                                by,
                                stub(by).markStore(MarkStoreRequest.newBuilder()
                                        .setScope(scope)
                                        .setTo(target)
                                        .setResume(resume)
                                        .build()));
                    }
                }
                case MovePlan.Step.Open(String by) ->
                    done(
                            by,
                            stub(by).markStore(MarkStoreRequest.newBuilder()
                                    .setScope(scope)
                                    .build()));
                case MovePlan.Step.Go(List<String> members, boolean back) ->
                    members.stream().allMatch(m -> done(m, stub(m).useStore(order(standing, back))));
                case MovePlan.Step.Wait wait -> problem = problems(standing);
                case MovePlan.Step.Refuse refuse -> {}
                case MovePlan.Step.Done done -> {}
            }
        } catch (StatusRuntimeException e) {
            // Looked at again: it may have been done.
            problem = String.valueOf(e.getStatus());
        }
    }

    private static String problems(MovePlan.Standing standing) {
        return standing.members().stream()
                .flatMap(m -> m.place().stream())
                .filter(p -> !p.getProblem().isEmpty())
                .map(p -> p.getName() + ": " + p.getProblem())
                .collect(Collectors.joining("; "));
    }

    private UseStoreRequest order(MovePlan.Standing standing, boolean back) {
        return UseStoreRequest.newBuilder()
                .setScope(scope)
                .setStore(target)
                .setBack(back)
                .setResume(resume)
                .addAllMembers(standing.members().stream()
                        .map(m -> MemberAddress.newBuilder()
                                .setName(m.name())
                                .setRpcAddress(m.address())
                                .build())
                        .toList())
                .build();
    }

    private MoveServiceGrpc.MoveServiceBlockingStub stub(String member) {
        return MoveServiceGrpc.newBlockingStub(look.channel(member))
                .withDeadlineAfter(ORDER.toMillis(), TimeUnit.MILLISECONDS);
    }

    private boolean done(String by, MoveReply reply) {
        if (!reply.getDone()) {
            problem = by + ": " + reply.getProblem();
        }
        return reply.getDone();
    }

    private void pause(String by, boolean on) {
        ControlServiceGrpc.ControlServiceBlockingStub stub = ControlServiceGrpc.newBlockingStub(look.channel(by))
                .withDeadlineAfter(ORDER.toMillis(), TimeUnit.MILLISECONDS);
        GetConfigReply now = stub.getConfig(GetConfigRequest.getDefaultInstance());
        Map<String, Object> config = Json.object(now.getJson());
        if (on) {
            config.put("pause", true);
        } else {
            config.remove("pause");
        }
        SetConfigReply reply = stub.setConfig(SetConfigRequest.newBuilder()
                .setJson(Json.text(config))
                .setExpectedRevision(now.getRevision())
                .build());
        if (!reply.getWritten()) {
            problem =
                    by + ": " + (reply.getConflict() ? "somebody else changes the configuration" : reply.getProblem());
        }
    }
}
