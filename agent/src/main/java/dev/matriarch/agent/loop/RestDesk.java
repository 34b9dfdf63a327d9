package dev.matriarch.agent.loop;

import dev.matriarch.agent.config.DynamicConfigJson;
import dev.matriarch.agent.ha.LocalPostgres;
import dev.matriarch.agent.ha.Observation;
import dev.matriarch.agent.ha.Settings;
import dev.matriarch.agent.rpc.Operations;
import dev.matriarch.agent.rpc.ReinitOrder;
import dev.matriarch.agent.rpc.SwitchoverCheck;
import dev.matriarch.agent.sharding.Event;
import dev.matriarch.agent.sharding.Group;
import dev.matriarch.agent.sharding.Node;
import dev.matriarch.agent.sharding.Sharding;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Expected;
import dev.matriarch.dcs.Lsn;
import dev.matriarch.dcs.Versioned;
import dev.matriarch.rest.AgentView;
import dev.matriarch.rest.Answer;
import dev.matriarch.rest.ChangeOfLeader;
import dev.matriarch.rest.ConfigChange;
import dev.matriarch.rest.GroupEvent;
import dev.matriarch.rest.Panorama;
import dev.matriarch.rest.RestartWish;
import dev.matriarch.rest.Snapshot;
import dev.matriarch.rest.Vitals;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/** Translates between the REST door and what the gRPC door uses as well; decides nothing. Any thread. */
final class RestDesk implements AgentView {
    private final FrontDesk desk;
    private final SettingsSource settings;
    private final Operations operations;
    private final Tally tally;
    private final Sharding sharding;
    private final Lookout lookout;

    RestDesk(
            FrontDesk desk,
            SettingsSource settings,
            Operations operations,
            Tally tally,
            Sharding sharding,
            Lookout lookout) {
        this.desk = desk;
        this.settings = settings;
        this.operations = operations;
        this.tally = tally;
        this.sharding = sharding;
        this.lookout = lookout;
    }

    @Override
    public Snapshot snapshot() {
        return desk.snapshot();
    }

    @Override
    public Vitals vitals() {
        Observation last = desk.last();
        List<Vitals.Slot> slots = new ArrayList<>();
        last.postgres().status().ifPresent(status -> {
            for (LocalPostgres.Slot slot : status.slots()) {
                boolean known = !slot.restart().equals(Lsn.INVALID)
                        && !status.position().equals(Lsn.INVALID);
                long retained = known ? Math.max(0, status.position().minus(slot.restart())) : 0;
                slots.add(new Vitals.Slot(slot.name(), slot.active(), retained));
            }
        });
        return new Vitals(
                desk.dcs().measures(),
                tally.decisions(),
                tally.promotions(),
                tally.demotions(),
                last.situation().guarded(),
                desk.pulse().watchdog(),
                slots);
    }

    @Override
    public Panorama panorama() {
        Panorama seen = lookout.look();
        OptionalInt own = sharding.ownGroup();
        return own.isEmpty()
                ? seen
                : seen.with(sharding.groups().stream()
                        .sorted(Comparator.comparingInt(Group::number))
                        .map(g -> new Panorama.Group(
                                g.number(),
                                g.number() == own.getAsInt(),
                                g.nodes().stream()
                                        .map(n ->
                                                new Panorama.Server(n.member(), n.host() + ":" + n.port(), n.primary()))
                                        .toList()))
                        .toList());
    }

    @Override
    public Optional<ClusterView> cluster() {
        return operations.storedView();
    }

    @Override
    public ConfigChange patchConfig(String jsonPatch) {
        Optional<ClusterView> now = operations.storedView();
        if (now.isEmpty()) {
            return new ConfigChange.Unavailable("the store does not answer; nothing was changed", Optional.empty());
        }
        Optional<Versioned<String>> stored = now.get().config();
        if (stored.isEmpty()) {
            return new ConfigChange.NothingStored();
        }
        return ConfigMerge.merge(
                stored.get(),
                () -> operations.storedView().flatMap(ClusterView::config),
                s -> change(DynamicConfigJson.merge(s.value(), jsonPatch), Expected.revision(s.revision())));
    }

    @Override
    public ConfigChange replaceConfig(String json) {
        return change(json, Expected.anything());
    }

    /** Written also if nothing seems to change: what this member has read may be old, and a 200 says what is in force. */
    private ConfigChange change(String json, Expected expected) {
        return switch (operations.setConfig(json, expected)) {
            case Operations.ConfigOutcome.Changed(long revision, var action) ->
                new ConfigChange.Done(json, Optional.of(action));
            case Operations.ConfigOutcome.Conflict(var action) -> new ConfigChange.Conflict(Optional.of(action));
            case Operations.ConfigOutcome.Refused(var problems) -> new ConfigChange.Refused(problems);
            case Operations.ConfigOutcome.Failed(var sentence, var action) ->
                new ConfigChange.Unavailable(sentence, Optional.of(action));
        };
    }

    @Override
    public Answer reload() {
        return answer(operations.reload());
    }

    @Override
    public Answer restart(RestartWish wish) {
        return answer(operations.restart(new Operations.RestartRequest(
                wish.role(), wish.postgresVersion(), wish.onlyIfPending(), wish.timeout(), wish.scheduledAt())));
    }

    @Override
    public Answer cancelRestart() {
        return answer(operations.forgetRestart());
    }

    @Override
    public Answer reinitialize(boolean force, boolean fromLeader) {
        return answer(operations.reinitialize(new ReinitOrder(force, fromLeader, false)));
    }

    @Override
    public Answer leaderOfGroupChanges(GroupEvent event) {
        Event.Type type = Event.Type.of(event.type()).orElseThrow();
        // Where the member is, the coordinator knows from its announcement.
        Node leader = new Node(event.leader(), "", 0, true);
        try {
            String problem = sharding.event(
                            new Event(type, event.group(), leader, 0, event.timeout(), event.cooldown()))
                    .problem();
            boolean ours = sharding.ownGroup().isPresent();
            return !ours || problem.isEmpty() ? new Answer(200, "OK") : new Answer(503, problem);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return new Answer(503, "this agent ends");
        }
    }

    @Override
    public Answer changeLeader(ChangeOfLeader wish) {
        return answer(operations.switchover(new SwitchoverCheck.Request(
                wish.failover() ? SwitchoverCheck.Kind.FAILOVER : SwitchoverCheck.Kind.SWITCHOVER,
                wish.leader(),
                wish.candidate(),
                wish.scheduledAt())));
    }

    @Override
    public Answer cancelSwitchover() {
        return answer(operations.forgetSwitchover());
    }

    @Override
    public Answer keepAwayFromLock(String leader, String connUrl, String apiUrl) {
        Settings inForce = settings.current().settings();
        if (!inForce.failsafeMode()) {
            return new Answer(502, "failsafe mode is not enabled");
        }
        return desk.promise(leader, connUrl, apiUrl, inForce.ttl())
                .map(why -> new Answer(500, why.equals("running as a leader") ? "Running as a leader" : why))
                .orElseGet(() -> new Answer(200, "Accepted"));
    }

    private static Answer answer(Operations.Ordered ordered) {
        return new Answer(ordered.outcome().status(), ordered.outcome().message(), Optional.of(ordered.action()));
    }
}
