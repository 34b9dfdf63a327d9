package dev.matriarch.ctl;

import dev.matriarch.proto.control.v1.ActionReply;
import dev.matriarch.proto.control.v1.MemberRow;
import java.util.ArrayList;
import java.util.List;

/**
 * Gives an order to one member after the other. One that is not answered keeps it from nobody else: the next is asked for
 * through any agent that answers then. Closes the connections that it made itself.
 */
final class OneByOne implements AutoCloseable {
    private static final int UNANSWERED = 503;

    interface Order {
        /** @return the exit code; whoever gives it has told of it, also if it ends in a {@link CtlException} */
        int give(Agents agents, MemberRow member);
    }

    private final Matriarchctl ctl;
    private final Report report;
    private final String verb;
    private final List<Agents> own = new ArrayList<>();
    private Agents agents;
    private boolean doubtful;
    /** Null: there is one member only, and nothing goes on anywhere else. */
    private SameCluster cluster;
    /** Why nobody can be asked any more; null: somebody can. */
    private String nobody;

    /** @param verb what it is called on the command line */
    OneByOne(Matriarchctl ctl, Agents agents, Report report, String verb) {
        this.ctl = ctl;
        this.agents = agents;
        this.report = report;
        this.verb = verb;
    }

    /** @return 0 if every order was carried out */
    int give(List<MemberRow> members, Order order) {
        int code = 0;
        if (members.size() > 1) {
            remember();
        }
        for (MemberRow member : members) {
            code = Math.max(code, give(member, order));
        }
        return code;
    }

    private int give(MemberRow member, Order order) {
        String scope = agents.cluster().getScope();
        if (doubtful && nobody == null) {
            try {
                again();
            } catch (CtlException e) {
                nobody = "not asked for: " + e.getMessage();
            }
        }
        if (nobody != null) {
            report.unanswered(scope, verb, List.of(member.getName()), "", nobody);
            return failed(member, nobody);
        }
        try {
            return order.give(agents, member);
        } catch (CtlException noAnswer) {
            if (Thread.currentThread().isInterrupted() || noAnswer.isAbort()) {
                throw noAnswer;
            }
            doubtful = true;
            return failed(member, noAnswer.getMessage());
        }
    }

    private int failed(MemberRow member, String why) {
        Selection.failed(
                ctl.terminal(),
                verb,
                member.getName(),
                ActionReply.newBuilder().setStatus(UNANSWERED).setMessage(why).build());
        return CtlException.REFUSED;
    }

    /** Before the first order: whose members they are. */
    void remember() {
        if (cluster == null) {
            cluster = SameCluster.of(agents);
        }
    }

    /**
     * Asks any agent of the same cluster from now on.
     *
     * @throws CtlException if none answers
     */
    void again() {
        agents = cluster.reach(ctl);
        own.add(agents);
        doubtful = false;
    }

    /** Those that answered last. Main thread. */
    Agents agents() {
        return agents;
    }

    @Override
    public void close() {
        own.forEach(Agents::close);
    }
}
