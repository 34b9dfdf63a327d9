package dev.matriarch.ctl;

import dev.matriarch.proto.control.v1.GetConfigReply;
import dev.matriarch.proto.control.v1.GetConfigRequest;
import dev.matriarch.proto.control.v1.MemberRow;
import dev.matriarch.proto.control.v1.SetConfigReply;
import dev.matriarch.proto.control.v1.SetConfigRequest;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * A change of one thing in the cluster-wide configuration, and what is reported of it. Whatever else is changed meanwhile stays.
 *
 * @param verb of the command
 */
record SharedSetting(Agents agents, Report report, String verb) {
    private static final int ATTEMPTS = 5;

    /** What is made of the configuration that stands in the store. */
    interface Change {
        /**
         * @param config empty: there is none
         * @throws CtlException if it cannot be changed
         */
        Map<String, Object> of(Optional<Map<String, Object>> config);
    }

    /**
     * @return the action's id
     * @throws CtlException if it was refused or not confirmed, or others changed the configuration each time
     */
    String write(Change change) {
        String id = "";
        for (int i = 0; i < ATTEMPTS; i++) {
            GetConfigReply now = agents.call(stub -> stub.getConfig(GetConfigRequest.getDefaultInstance()));
            Map<String, Object> config = change.of(
                    now.getExists() ? Optional.of(new LinkedHashMap<>(Json.object(now.getJson()))) : Optional.empty());
            String asked = Following.newId();
            SetConfigReply reply = answered(
                    asked,
                    () -> agents.call(stub -> stub.setConfig(SetConfigRequest.newBuilder()
                            .setJson(Json.text(config))
                            .setExpectedRevision(now.getRevision())
                            .setActionId(asked)
                            .build())));
            id = reply.getActionId();
            if (reply.getWritten()) {
                return id;
            }
            if (!reply.getConflict()) {
                // Only what was begun has an id: then it is the store that did not confirm it.
                told(id, id.isEmpty() ? 400 : 503, reply.getProblem());
                throw CtlException.refused(reply.getProblem());
            }
        }
        String conflict = "Config modification aborted due to concurrent changes";
        told(id, 409, conflict);
        throw CtlException.refused(conflict);
    }

    /** An answer is waited for; that none came is reported. */
    <T> T answered(String id, Supplier<T> order) {
        return report.given(agents.cluster().getScope(), verb, everybody(), id, order);
    }

    /** Reports what became of it; more may be put into that. */
    Map<String, Object> told(String id, int status, String message) {
        return report.add(agents.cluster().getScope(), verb, everybody(), id, status, message);
    }

    private List<String> everybody() {
        return agents.cluster().getMembersList().stream()
                .map(MemberRow::getName)
                .toList();
    }
}
