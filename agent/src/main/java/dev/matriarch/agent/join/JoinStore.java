package dev.matriarch.agent.join;

import dev.matriarch.dcs.DcsException;
import dev.matriarch.proto.store.v1.Invitation;
import dev.matriarch.proto.store.v1.TokenNote;
import java.time.Instant;
import java.util.List;

/** What tokens need of the store. Any thread; each call ends within seconds. */
public interface JoinStore {
    /** @param revision by which a change says what it has seen */
    record Token(String id, TokenNote note, long revision) {}

    /**
     * @param address of the store's peer, {@code host:port}
     * @param voter false: a listener, which nobody has to find
     */
    record Peer(String name, String address, boolean voter) {}

    List<Token> tokens() throws DcsException;

    /** As {@link #tokens}, with everything that was confirmed to anybody before the call. */
    List<Token> latestTokens() throws DcsException;

    /** @return false if there is one of that id */
    boolean add(String id, TokenNote note) throws DcsException;

    /** @return false if it has changed since it was read */
    boolean change(Token token, TokenNote to) throws DcsException;

    /** In one step. @return false if the token has changed since it was read */
    boolean redeem(Token token, TokenNote used, Invitation invitation) throws DcsException;

    /** Removes tokens and invitations that ended before {@code then}. */
    void forgetThoseBefore(Instant then) throws DcsException;

    /** Invitations that nobody has followed. */
    List<Invitation> invitations() throws DcsException;

    /** True if there is a token whose end is not before {@code then}. Returns at once; may be a little behind. */
    boolean anyEndsAfter(Instant then);

    /** That are in the store now. */
    List<Peer> peers();
}
