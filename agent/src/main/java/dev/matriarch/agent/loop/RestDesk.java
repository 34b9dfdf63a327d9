package dev.matriarch.agent.loop;

import dev.matriarch.agent.config.DynamicConfigJson;
import dev.matriarch.agent.ha.LocalPostgres;
import dev.matriarch.agent.ha.Observation;
import dev.matriarch.agent.ha.Settings;
import dev.matriarch.agent.rpc.Operations;
import dev.matriarch.agent.rpc.Outcome;
import dev.matriarch.agent.rpc.ReinitOrder;
import dev.matriarch.agent.rpc.SwitchoverCheck;
import dev.matriarch.agent.sharding.Event;
import dev.matriarch.agent.sharding.Node;
import dev.matriarch.agent.sharding.Sharding;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Expected;
import dev.matriarch.dcs.Lsn;
import dev.matriarch.rest.AgentView;
import dev.matriarch.rest.Answer;
import dev.matriarch.rest.ChangeOfLeader;
import dev.matriarch.rest.ConfigChange;
import dev.matriarch.rest.GroupEvent;
import dev.matriarch.rest.RestartWish;
import dev.matriarch.rest.Snapshot;
import dev.matriarch.rest.Vitals;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Translates between the REST door and what the gRPC door uses as well; decides nothing. Any thread. */
final class RestDesk implements AgentView {
    private final FrontDesk desk;
    private final SettingsSource settings;
    private final Operations operations;
    private final Tally tally;
    private final Sharding sharding;

    RestDesk(FrontDesk desk, SettingsSource settings, Operations operations, Tally tally, Sharding sharding) {
        this.desk = desk;
        this.settings = settings;
        this.operations = operations;
        this.tally = tally;
        this.sharding = sharding;
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
                switch (last.watchdog().state()) {
                    case OFF -> "off";
                    case READY -> "ready";
                    case RUNNING -> "active";
                    case UNUSABLE -> "failed";
                },
                slots);
    }

    @Override
    public Optional<ClusterView> cluster() {
        return operations.storedView();
    }

    @Override
    public ConfigChange patchConfig(String jsonPatch) {
        Optional<ClusterView> now = operations.view();
        if (now.flatMap(ClusterView::config).isEmpty()) {
            return new ConfigChange.NothingStored();
        }
        var stored = now.get().config().get();
        return change(
                DynamicConfigJson.merge(stored.value(), jsonPatch),
                stored.value(),
                Expected.revision(stored.revision()));
    }

    @Override
    public ConfigChange replaceConfig(String json) {
        String stored = operations
                .view()
                .flatMap(ClusterView::config)
                .map(c -> c.value())
                .orElse("");
        return change(json, stored, Expected.anything());
    }

    private ConfigChange change(String json, String stored, Expected expected) {
        if (json.equals(stored)) {
            return new ConfigChange.Done(json);
        }
        return switch (operations.setConfig(json, expected)) {
            case Operations.ConfigOutcome.Changed changed -> new ConfigChange.Done(json);
            case Operations.ConfigOutcome.Conflict conflict -> new ConfigChange.Conflict();
            case Operations.ConfigOutcome.Refused(var problems) -> new ConfigChange.Refused(problems);
            case Operations.ConfigOutcome.Failed(var sentence) -> new ConfigChange.Unavailable(sentence);
        };
    }

    @Override
    public Answer reload() {
        return answer(desk.reload());
    }

    @Override
    public Answer restart(RestartWish wish) {
        return answer(operations.restart(new Operations.RestartRequest(
                wish.role(), wish.postgresVersion(), wish.onlyIfPending(), wish.timeout(), wish.scheduledAt())));
    }

    @Override
    public Answer cancelRestart() {
        return answer(operations.cancelRestart());
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
        return answer(operations.cancelSwitchover());
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

    private static Answer answer(Outcome outcome) {
        return new Answer(outcome.status(), outcome.message());
    }
}
