package dev.matriarch.ctl;

import dev.matriarch.proto.control.v1.ActionReply;
import dev.matriarch.proto.control.v1.ActionStep;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.function.Supplier;
import picocli.CommandLine.Option;

/**
 * How a command that gives orders tells what became of them: in prose, or as one document for programs. With the latter all
 * prose, and the questions, are on the standard error.
 */
final class Report {
    @Option(
            names = {"-o", "--output", "-f", "--format"},
            defaultValue = "pretty",
            paramLabel = "FORMAT",
            description = "pretty, json or yaml.")
    private Format format = Format.pretty;

    private final List<Map<String, Object>> actions = new ArrayList<>();
    private String cluster = "";

    /** Runs {@code work}, then writes the document, if one is wanted and anything was ordered. */
    int told(Matriarchctl ctl, Callable<Integer> work) throws Exception {
        if (format.isPretty()) {
            return work.call();
        }
        if (format == Format.tsv) {
            throw CtlException.usage("--output: pretty, json or yaml");
        }
        Terminal out = ctl.proseAside();
        try {
            return work.call();
        } finally {
            if (!actions.isEmpty()) {
                Map<String, Object> document = new LinkedHashMap<>();
                document.put("cluster", cluster);
                document.put("actions", actions);
                out.print(format.document(document));
            }
        }
    }

    /** As {@link #add(String, String, List, ActionReply, List)}, of what has no id or is over at once. */
    Map<String, Object> add(String scope, String action, List<String> members, String id, int status, String message) {
        return add(
                scope,
                action,
                members,
                ActionReply.newBuilder()
                        .setActionId(id)
                        .setStatus(status)
                        .setMessage(message)
                        .build(),
                List.of());
    }

    /** True if steps are worth asking for even if nobody sees them in prose. */
    boolean isForPrograms() {
        return !format.isPretty();
    }

    /**
     * Gives an order. One that nobody answers is told of as well: it may have been begun.
     *
     * @param id that the request carries
     * @throws CtlException as the order does
     */
    <T> T given(String scope, String action, List<String> members, String id, Supplier<T> order) {
        try {
            return order.get();
        } catch (CtlException noAnswer) {
            unanswered(scope, action, members, id, noAnswer.getMessage());
            throw noAnswer;
        }
    }

    /** What became of the order is not known. */
    void unanswered(String scope, String action, List<String> members, String id, String why) {
        add(scope, action, members, id, 503, why);
    }

    /**
     * @param action what it is called on the command line
     * @param members whom it was for
     * @param reply without an id: the order was refused before it began
     * @return what will be written; more may be put into it
     */
    Map<String, Object> add(
            String scope, String action, List<String> members, ActionReply reply, List<ActionStep> steps) {
        cluster = scope;
        Map<String, Object> told = new LinkedHashMap<>();
        told.put("id", reply.getActionId().isEmpty() ? null : reply.getActionId());
        told.put("action", action);
        told.put(
                "members", members.stream().filter(m -> !m.isEmpty()).distinct().toList());
        told.put("status", reply.getStatus());
        told.put("message", reply.getMessage());
        if (reply.hasStandstillAtMostMillis()) {
            Map<String, Object> standstill = new LinkedHashMap<>();
            standstill.put("at_least", reply.getStandstillAtLeastMillis());
            standstill.put("at_most", reply.getStandstillAtMostMillis());
            told.put("writes_stood_still_ms", standstill);
        }
        List<Map<String, Object>> list = new ArrayList<>();
        for (ActionStep step : steps) {
            Map<String, Object> one = new LinkedHashMap<>();
            one.put("after_ms", step.getAfterMillis());
            one.put("text", step.getText());
            list.add(one);
        }
        told.put("steps", list);
        actions.add(told);
        return told;
    }

    /** As {@link #add}, of an order to one member that was followed. */
    void add(String scope, String action, String member, ActionReply reply, Following following) {
        if (isForPrograms()) {
            add(scope, action, List.of(member), reply, following.steps());
        }
    }
}
