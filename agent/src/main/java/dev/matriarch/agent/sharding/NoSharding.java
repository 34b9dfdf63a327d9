package dev.matriarch.agent.sharding;

import dev.matriarch.dcs.ClusterView;
import java.util.List;
import java.util.OptionalInt;

/** For a cluster that stands alone. */
final class NoSharding implements Sharding {
    @Override
    public void founded() {}

    @Override
    public void seen(ClusterView view, boolean leading) {}

    @Override
    public void beforeDemote() {}

    @Override
    public void beforePromote() {}

    @Override
    public void afterPromote() {}

    @Override
    public Answer announced(Announcement announcement) {
        return new Answer(false, "this cluster is no group of a distributed database", List.of());
    }

    @Override
    public EventAnswer event(Event event) {
        return new EventAnswer(false, "this cluster is no group of a distributed database");
    }

    @Override
    public OptionalInt ownGroup() {
        return OptionalInt.empty();
    }

    @Override
    public List<Group> groups() {
        return List.of();
    }

    @Override
    public void close() {}
}
