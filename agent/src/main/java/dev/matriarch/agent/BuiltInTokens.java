package dev.matriarch.agent;

import dev.matriarch.agent.join.JoinStore;
import dev.matriarch.dcs.DcsException;
import dev.matriarch.proto.store.v1.Invitation;
import dev.matriarch.proto.store.v1.TokenNote;
import dev.matriarch.raft.Invitations;
import dev.matriarch.raft.RaftStatus;
import dev.matriarch.raft.RaftStore;
import java.time.Instant;
import java.util.List;

/** Tokens in the built-in store. Any thread. */
record BuiltInTokens(RaftStore store) implements JoinStore {
    private static Token told(Invitations.Token token) {
        return new Token(token.id(), token.note(), token.revision());
    }

    private static Invitations.Token meant(Token token) {
        return new Invitations.Token(token.id(), token.note(), token.revision());
    }

    @Override
    public List<Token> tokens() throws DcsException {
        return store.invitations().tokens().stream().map(BuiltInTokens::told).toList();
    }

    @Override
    public List<Token> latestTokens() throws DcsException {
        return store.invitations().latestTokens().stream()
                .map(BuiltInTokens::told)
                .toList();
    }

    @Override
    public boolean add(String id, TokenNote note) throws DcsException {
        return store.invitations().add(id, note);
    }

    @Override
    public boolean change(Token token, TokenNote to) throws DcsException {
        return store.invitations().change(meant(token), to);
    }

    @Override
    public boolean redeem(Token token, TokenNote used, Invitation invitation) throws DcsException {
        return store.invitations().redeem(meant(token), used, invitation);
    }

    @Override
    public void forgetThoseBefore(Instant then) throws DcsException {
        store.invitations().forgetThoseBefore(then);
    }

    @Override
    public List<Invitation> invitations() throws DcsException {
        return store.invitations().open();
    }

    @Override
    public boolean anyEndsAfter(Instant then) {
        return store.invitations().anyEndsAfter(then);
    }

    @Override
    public List<Peer> peers() {
        RaftStatus status = store.status();
        return status.everybody().stream()
                .map(p -> new Peer(p.name(), p.address(), status.peers().contains(p)))
                .toList();
    }
}
