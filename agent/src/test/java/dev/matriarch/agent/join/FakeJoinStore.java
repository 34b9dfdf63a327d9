package dev.matriarch.agent.join;

import dev.matriarch.dcs.DcsException;
import dev.matriarch.proto.store.v1.Invitation;
import dev.matriarch.proto.store.v1.TokenNote;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;

/** Tokens of one process. */
final class FakeJoinStore implements JoinStore {
    private final SortedMap<String, Token> tokens = new TreeMap<>();
    private final List<Invitation> invitations = new ArrayList<>();
    private long revision;
    volatile boolean down;
    volatile List<Peer> peers = List.of(new Peer("n1", "127.0.0.1:7000", true));

    private void check() throws DcsException {
        if (down) {
            throw new DcsException("the store has no majority");
        }
    }

    @Override
    public synchronized List<Token> tokens() throws DcsException {
        check();
        return List.copyOf(tokens.values());
    }

    @Override
    public List<Token> latestTokens() throws DcsException {
        return tokens();
    }

    @Override
    public synchronized boolean add(String id, TokenNote note) throws DcsException {
        check();
        return tokens.putIfAbsent(id, new Token(id, note, ++revision)) == null;
    }

    @Override
    public synchronized boolean change(Token token, TokenNote to) throws DcsException {
        check();
        Token now = tokens.get(token.id());
        if (now == null || now.revision() != token.revision()) {
            return false;
        }
        tokens.put(token.id(), new Token(token.id(), to, ++revision));
        return true;
    }

    @Override
    public synchronized boolean redeem(Token token, TokenNote used, Invitation invitation) throws DcsException {
        return change(token, used) && invitations.add(invitation);
    }

    @Override
    public synchronized void forgetThoseBefore(Instant then) throws DcsException {
        check();
        tokens.values().removeIf(t -> t.note().getExpiresMillis() < then.toEpochMilli());
    }

    @Override
    public synchronized List<Invitation> invitations() throws DcsException {
        check();
        return List.copyOf(invitations);
    }

    @Override
    public synchronized boolean anyEndsAfter(Instant then) {
        return tokens.values().stream().anyMatch(t -> t.note().getExpiresMillis() >= then.toEpochMilli());
    }

    @Override
    public List<Peer> peers() {
        return peers;
    }
}
