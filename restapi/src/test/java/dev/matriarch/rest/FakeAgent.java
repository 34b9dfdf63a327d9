package dev.matriarch.rest;

import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Measure;
import dev.matriarch.dcs.Versioned;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;

/** Says what it is told to say, and remembers what it was asked. */
final class FakeAgent implements AgentView {
    volatile Snapshot snapshot;
    volatile Optional<ClusterView> cluster = Optional.of(withConfig("{\"ttl\":5}"));
    volatile Panorama panorama = Panorama.NOTHING;
    volatile ConfigChange outcome = new ConfigChange.Done("{\"ttl\":6}", Optional.of("3f9c01ab"));
    volatile Answer answer = new Answer(200, "done");
    volatile Runnable whileAsked = () -> {};
    final List<String> asked = new CopyOnWriteArrayList<>();

    static ClusterView withConfig(String json) {
        ClusterView c = Fixture.cluster();
        return new ClusterView(
                c.revision(),
                c.initialize(),
                Optional.of(new Versioned<>(json, 2)),
                c.leader(),
                c.members(),
                c.status(),
                c.failover(),
                c.history(),
                c.sync(),
                c.failsafe());
    }

    private <T> T asked(String what, T reply) {
        asked.add(what);
        whileAsked.run();
        return reply;
    }

    @Override
    public Snapshot snapshot() {
        return snapshot;
    }

    @Override
    public Vitals vitals() {
        return new Vitals(
                List.of(
                        Measure.gauge("raft_term", "Term of the group.", 7),
                        new Measure.Gauge("raft_peer_last_contact_seconds", "Since.", Map.of("peer", "n1"), 0.1),
                        new Measure.Histogram(
                                "raft_fsync_seconds", "Disk.", List.of(0.001, 0.002), List.of(3L, 2L, 1L), 0.5),
                        new Measure.Gauge("raft_peer_last_contact_seconds", "Since.", Map.of("peer", "n3"), 0.2)),
                Map.of("renew_lease", 12L, "promote", 1L),
                Map.of("failover", 1L),
                Map.of(),
                true,
                "off",
                List.of(new Vitals.Slot("n\"3\\", true, 1024)));
    }

    @Override
    public Panorama panorama() {
        return panorama;
    }

    @Override
    public Optional<ClusterView> cluster() {
        return cluster;
    }

    @Override
    public ConfigChange patchConfig(String jsonPatch) {
        return asked("patch " + jsonPatch, outcome);
    }

    @Override
    public ConfigChange replaceConfig(String json) {
        return asked("put " + json, outcome);
    }

    @Override
    public Answer reload() {
        return asked("reload", answer);
    }

    @Override
    public Answer restart(RestartWish wish) {
        return asked(wish.toString(), answer);
    }

    @Override
    public Answer cancelRestart() {
        return asked("cancel restart", answer);
    }

    @Override
    public Answer reinitialize(boolean force, boolean fromLeader) {
        return asked("reinitialize force=" + force + " fromLeader=" + fromLeader, answer);
    }

    @Override
    public Answer leaderOfGroupChanges(GroupEvent event) {
        return asked(event.toString(), answer);
    }

    @Override
    public Answer changeLeader(ChangeOfLeader wish) {
        return asked(wish.toString(), answer);
    }

    @Override
    public Answer cancelSwitchover() {
        return asked("cancel switchover", answer);
    }

    @Override
    public Answer keepAwayFromLock(String leader, String connUrl, String apiUrl) {
        return asked("keep away " + leader + " " + connUrl + " " + apiUrl, answer);
    }
}
