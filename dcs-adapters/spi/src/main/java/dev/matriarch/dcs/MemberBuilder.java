package dev.matriarch.dcs;

import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/** Makes a {@link Member} piece by piece; what is not said stays empty. For one thread. */
public final class MemberBuilder {
    private final String name;
    private String connUrl = "";
    private String apiUrl = "";
    private String rpcAddress = "";
    private String state = "running";
    private String role = "replica";
    private String version = "";
    private Optional<Lsn> xlogLocation = Optional.empty();
    private Optional<Lsn> receiveLsn = Optional.empty();
    private Optional<Lsn> replayLsn = Optional.empty();
    private Optional<String> replicationState = Optional.empty();
    private OptionalInt timeline = OptionalInt.empty();
    private Map<String, Object> tags = Map.of();
    private Map<String, String> pendingRestart = Map.of();
    private Optional<Boolean> checkpointAfterPromote = Optional.empty();
    private boolean paused;
    private Optional<PlannedRestart> plannedRestart = Optional.empty();
    private Optional<CloneStatus> copying = Optional.empty();
    private Optional<String> proxyUrl = Optional.empty();

    MemberBuilder(String name) {
        this.name = name;
    }

    static MemberBuilder like(Member member) {
        MemberBuilder builder = new MemberBuilder(member.name());
        builder.connUrl = member.connUrl();
        builder.apiUrl = member.apiUrl();
        builder.rpcAddress = member.rpcAddress();
        builder.state = member.state();
        builder.role = member.role();
        builder.version = member.version();
        builder.xlogLocation = member.xlogLocation();
        builder.receiveLsn = member.receiveLsn();
        builder.replayLsn = member.replayLsn();
        builder.replicationState = member.replicationState();
        builder.timeline = member.timeline();
        builder.tags = member.tags();
        builder.pendingRestart = member.pendingRestart();
        builder.checkpointAfterPromote = member.checkpointAfterPromote();
        builder.paused = member.paused();
        builder.plannedRestart = member.plannedRestart();
        builder.copying = member.copying();
        builder.proxyUrl = member.proxyUrl();
        return builder;
    }

    public MemberBuilder connUrl(String value) {
        connUrl = value;
        return this;
    }

    public MemberBuilder apiUrl(String value) {
        apiUrl = value;
        return this;
    }

    public MemberBuilder rpcAddress(String value) {
        rpcAddress = value;
        return this;
    }

    public MemberBuilder state(String value) {
        state = value;
        return this;
    }

    public MemberBuilder role(String value) {
        role = value;
        return this;
    }

    public MemberBuilder version(String value) {
        version = value;
        return this;
    }

    public MemberBuilder xlogLocation(Optional<Lsn> value) {
        xlogLocation = value;
        return this;
    }

    public MemberBuilder xlogLocation(Lsn value) {
        return xlogLocation(Optional.of(value));
    }

    public MemberBuilder receiveLsn(Optional<Lsn> value) {
        receiveLsn = value;
        return this;
    }

    public MemberBuilder receiveLsn(Lsn value) {
        return receiveLsn(Optional.of(value));
    }

    public MemberBuilder replayLsn(Optional<Lsn> value) {
        replayLsn = value;
        return this;
    }

    public MemberBuilder replayLsn(Lsn value) {
        return replayLsn(Optional.of(value));
    }

    public MemberBuilder replicationState(Optional<String> value) {
        replicationState = value;
        return this;
    }

    public MemberBuilder replicationState(String value) {
        return replicationState(Optional.of(value));
    }

    public MemberBuilder timeline(OptionalInt value) {
        timeline = value;
        return this;
    }

    public MemberBuilder timeline(int value) {
        return timeline(OptionalInt.of(value));
    }

    public MemberBuilder tags(Map<String, Object> value) {
        tags = value;
        return this;
    }

    public MemberBuilder pendingRestart(Map<String, String> value) {
        pendingRestart = value;
        return this;
    }

    public MemberBuilder checkpointAfterPromote(Optional<Boolean> value) {
        checkpointAfterPromote = value;
        return this;
    }

    public MemberBuilder paused(boolean value) {
        paused = value;
        return this;
    }

    public MemberBuilder plannedRestart(Optional<PlannedRestart> value) {
        plannedRestart = value;
        return this;
    }

    public MemberBuilder copying(Optional<CloneStatus> value) {
        copying = value;
        return this;
    }

    public MemberBuilder proxyUrl(Optional<String> value) {
        proxyUrl = value;
        return this;
    }

    public Member build() {
        return new Member(
                name,
                connUrl,
                apiUrl,
                rpcAddress,
                state,
                role,
                version,
                xlogLocation,
                receiveLsn,
                replayLsn,
                replicationState,
                timeline,
                tags,
                pendingRestart,
                checkpointAfterPromote,
                paused,
                plannedRestart,
                copying,
                proxyUrl);
    }
}
