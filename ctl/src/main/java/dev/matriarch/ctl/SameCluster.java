package dev.matriarch.ctl;

import dev.matriarch.proto.sharding.v1.GroupsReply;
import java.util.Optional;

/**
 * The cluster whose members were chosen. What goes on through another agent must not go on in another cluster: all groups
 * of a Citus database have one scope, and members of the same names.
 *
 * @param group of a Citus database; empty: it stands alone
 * @param systemIdentifier empty: not known
 */
record SameCluster(String scope, Optional<Integer> group, String systemIdentifier) {

    /** @throws CtlException if the agent does not say which group it belongs to */
    static SameCluster of(Agents agents) {
        return new SameCluster(
                agents.cluster().getScope(),
                agents.groups().map(GroupsReply::getOwn),
                agents.cluster().getSystemIdentifier());
    }

    /**
     * Any agent of it that answers.
     *
     * @throws CtlException if none does, or if those that answer belong to another one
     */
    Agents reach(Matriarchctl ctl) {
        Agents found = ctl.reach(scope);
        try {
            Optional<Integer> other = found.groups().map(GroupsReply::getOwn);
            if (group.isPresent() && !other.equals(group)) {
                found = CitusGroups.switchTo(found, group.get());
            } else if (!other.equals(group)) {
                throw CtlException.refused("the agents that answer now belong to group " + other.get()
                        + " of a Citus database, those that were asked first to none");
            }
            String database = found.cluster().getSystemIdentifier();
            if (!database.isEmpty() && !systemIdentifier.isEmpty() && !database.equals(systemIdentifier)) {
                throw CtlException.refused("the agents that answer now belong to another cluster of the name '" + scope
                        + "' (system identifier " + database + ", not " + systemIdentifier + ")");
            }
            return found;
        } catch (CtlException e) {
            found.close();
            throw e;
        }
    }
}
