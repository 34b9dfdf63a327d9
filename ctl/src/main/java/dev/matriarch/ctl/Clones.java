package dev.matriarch.ctl;

import dev.matriarch.proto.control.v1.ActionReply;
import dev.matriarch.proto.control.v1.GetActionReply;
import dev.matriarch.proto.control.v1.MemberRow;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** Copies that were ordered: how far they are, asked of whichever agent of the cluster answers. One thread. */
final class Clones {
    private static final Duration LONGEST_CLONE = Duration.ofHours(24);
    /** A member publishes that it clones at its next heartbeat at the latest. */
    private static final Duration BEGINS_WITHIN = Duration.ofSeconds(15);
    /** A copy takes hours; that nobody answers for a moment is nothing. */
    private static final Duration UNSEEN_FOR = Duration.ofMinutes(1);

    private static final List<String> RUNNING = List.of("running", "streaming", "in archive recovery");

    private static final class Clone {
        final ActionReply reply;
        final Following following;
        /** Nobody has said that it began. */
        boolean doubtful;

        boolean seen;
        /** Why nothing is known of its end; null: something is. */
        String unknown;

        Clone(ActionReply reply, Following following) {
            this.reply = reply;
            this.following = following;
            this.doubtful = reply.getStatus() != 200;
        }
    }

    private final Matriarchctl ctl;
    private final OneByOne each;
    private final Report report;
    private final Map<String, Clone> clones = new LinkedHashMap<>();
    private final Duration unseenFor;

    Clones(Matriarchctl ctl, OneByOne each, Report report) {
        this(ctl, each, report, UNSEEN_FOR);
    }

    Clones(Matriarchctl ctl, OneByOne each, Report report, Duration unseenFor) {
        this.ctl = ctl;
        this.each = each;
        this.report = report;
        this.unseenFor = unseenFor;
    }

    /** @param reply not 200: it may have begun */
    void add(String name, ActionReply reply, Following following) {
        clones.put(name, new Clone(reply, following));
    }

    /** @return 0 if all are complete */
    int await() throws InterruptedException {
        if (clones.isEmpty()) {
            return 0;
        }
        Terminal terminal = ctl.terminal();
        terminal.print("Waiting for reinitialize to complete on: " + String.join(", ", clones.keySet()));
        List<String> open = new ArrayList<>(clones.keySet());
        int code = 0;
        long begin = System.nanoTime();
        long answered = begin;
        while (System.nanoTime() - begin < LONGEST_CLONE.toNanos()) {
            TimeUnit.SECONDS.sleep(1);
            for (String name : List.copyOf(open)) {
                Clone one = clones.get(name);
                one.following.show();
                GetActionReply action = one.following.action();
                one.doubtful &= !action.getKnown();
                if (action.hasResult() && action.getResult().getStatus() != 200) {
                    Selection.failed(terminal, "reinitialize", name, action.getResult());
                    open.remove(name);
                    code = CtlException.REFUSED;
                }
            }
            try {
                List<MemberRow> members = each.agents().refresh().getMembersList();
                answered = System.nanoTime();
                boolean mustHaveBegun = answered - begin > BEGINS_WITHIN.toNanos();
                members.stream().filter(m -> open.contains(m.getName())).forEach(m -> look(m, mustHaveBegun, open));
            } catch (CtlException noAnswer) {
                if (noAnswer.isAbort()) {
                    throw noAnswer;
                }
                if (System.nanoTime() - answered > unseenFor.toNanos()) {
                    return lost(open, noAnswer.getMessage());
                }
                askAnother();
            }
            if (open.isEmpty()) {
                return code;
            }
        }
        return lost(open, "not complete after " + LONGEST_CLONE.toHours() + " hours");
    }

    private void look(MemberRow member, boolean mustHaveBegun, List<String> open) {
        String name = member.getName();
        Clone one = clones.get(name);
        if (!RUNNING.contains(member.getState())) {
            one.seen = true;
            one.doubtful = false;
        } else if (one.seen || mustHaveBegun && !one.doubtful) {
            open.remove(name);
            ctl.terminal().print("Reinitialize is completed on: " + name);
        } else if (mustHaveBegun) {
            // It runs, and nobody knows of a copy: the order has not arrived, as far as can be seen.
            open.remove(name);
            ctl.terminal().print("Failed: reinitialize was not seen to begin on: " + name);
        }
    }

    private void askAnother() {
        try {
            each.again();
        } catch (CtlException notNow) {
            if (notNow.isAbort()) {
                throw notNow;
            }
        }
    }

    private int lost(List<String> open, String why) {
        open.forEach(name -> clones.get(name).unknown = "its end was not seen: " + why);
        ctl.terminal()
                .print("Failed: the end of reinitialize was not seen on: " + String.join(", ", open) + " (" + why
                        + ")");
        return CtlException.REFUSED;
    }

    /** @return 0 if nobody knows only of orders whose answer was lost */
    int doubts() {
        int code = 0;
        for (Map.Entry<String, Clone> entry : clones.entrySet()) {
            Clone one = entry.getValue();
            if (one.doubtful) {
                GetActionReply now = one.following.action();
                one.doubtful = !now.getKnown();
                if (one.doubtful || now.hasResult() && now.getResult().getStatus() != 200) {
                    code = CtlException.REFUSED;
                } else {
                    ctl.terminal().print("Success: reinitialize for member " + entry.getKey() + " has begun after all");
                }
            }
        }
        return code;
    }

    /** Tells programs of all of them, with their end if it has come. Before the connections are closed. */
    void report() {
        if (!report.isForPrograms()) {
            return;
        }
        clones.forEach((name, one) -> {
            GetActionReply now = one.following.action();
            report.add(
                    each.agents().cluster().getScope(), "reinit", List.of(name), reply(one, now), now.getStepsList());
        });
    }

    private static ActionReply reply(Clone one, GetActionReply now) {
        if (now.hasResult()) {
            return now.getResult();
        }
        ActionReply.Builder reply = one.reply.toBuilder();
        if (one.unknown != null) {
            return reply.setStatus(503).setMessage(one.unknown).build();
        }
        return one.doubtful || reply.getStatus() == 200
                ? reply.build()
                : reply.setStatus(200).setMessage("reinitialize started").build();
    }
}
