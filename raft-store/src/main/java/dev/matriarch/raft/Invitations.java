package dev.matriarch.raft;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.Expected;
import dev.matriarch.proto.store.v1.Command;
import dev.matriarch.proto.store.v1.Invitation;
import dev.matriarch.proto.store.v1.PeerIdentity;
import dev.matriarch.proto.store.v1.Reply;
import dev.matriarch.proto.store.v1.TokenNote;
import dev.matriarch.raft.state.StoreState;
import dev.matriarch.raft.state.StoreState.Entry;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Tokens for new members, and the peers that the store takes in by itself because somebody has used one. Each change is one log
 * entry whose conditions the store checks, so that of two who use a token at the same moment one is refused. Any thread.
 */
public final class Invitations {
    private static final String TOKENS = "join/tokens/";
    private static final String PEERS = "join/peers/";
    private static final Duration TIMEOUT = Duration.ofSeconds(5);

    /** @param revision to name in a change */
    public record Token(String id, TokenNote note, long revision) {}

    private record Invited(Invitation invitation, long revision) {}

    private final RaftDcs.Store store;

    Invitations(RaftDcs.Store store) {
        this.store = store;
    }

    /** As this peer shows them, at most as old as its local copy may be. */
    public List<Token> tokens() throws DcsException {
        return tokens(store.fresh(TIMEOUT));
    }

    /** As {@link #tokens}, after everything that was confirmed to anybody before the call. */
    public List<Token> latestTokens() throws DcsException {
        confirmed(store.submit(ClusterCommands.barrier(), TIMEOUT));
        return tokens(store.fresh(TIMEOUT));
    }

    /** True if this peer's copy, however old, has a token whose end is not before {@code then}. Returns at once. */
    public boolean anyEndsAfter(Instant then) {
        try {
            return tokens(store.local()).stream().anyMatch(t -> t.note().getExpiresMillis() >= then.toEpochMilli());
        } catch (DcsException e) {
            return false;
        }
    }

    /** @return false if one of that id is there already */
    public boolean add(String id, TokenNote note) throws DcsException {
        return confirmed(
                store.submit(ClusterCommands.write(TOKENS + id, note.toByteString(), Expected.absent()), TIMEOUT));
    }

    /** @return false if it has changed since it was read */
    public boolean change(Token token, TokenNote to) throws DcsException {
        return confirmed(store.submit(
                ClusterCommands.write(TOKENS + token.id(), to.toByteString(), Expected.revision(token.revision())),
                TIMEOUT));
    }

    /**
     * Uses a token up and invites the peer, in one step.
     *
     * @param used what is kept of the token
     * @return false if it has changed since it was read: somebody else was first
     */
    public boolean redeem(Token token, TokenNote used, Invitation invitation) throws DcsException {
        Command both =
                ClusterCommands.write(TOKENS + token.id(), used.toByteString(), Expected.revision(token.revision()))
                        .toBuilder()
                        .mergeFrom(ClusterCommands.write(
                                PEERS + invitation.getAddress(), invitation.toByteString(), Expected.anything()))
                        .build();
        return confirmed(store.submit(both, TIMEOUT));
    }

    /** Removes tokens that ended before {@code then}, and invitations. */
    public void forgetThoseBefore(Instant then) throws DcsException {
        StoreState state = store.fresh(TIMEOUT);
        for (Token token : tokens(state)) {
            if (token.note().getExpiresMillis() < then.toEpochMilli()) {
                store.submit(ClusterCommands.remove(TOKENS + token.id(), Expected.revision(token.revision())), TIMEOUT);
            }
        }
        for (Invited one : invited(state)) {
            if (one.invitation().getUntilMillis() < then.toEpochMilli()) {
                remove(one);
            }
        }
    }

    /** Those that nobody has followed yet, expired ones among them. */
    public List<Invitation> open() throws DcsException {
        return invited(store.fresh(TIMEOUT)).stream().map(Invited::invitation).toList();
    }

    /**
     * Binds the invitation of an address to one peer: a later one at the same address, with another identity, was not meant.
     *
     * @return why that peer is not invited; empty: it is, and stays so until {@link #followed}
     */
    Optional<String> take(PeerIdentity peer, Instant now) throws DcsException {
        Optional<Invited> found = invited(store.fresh(TIMEOUT)).stream()
                .filter(i -> i.invitation().getAddress().equals(peer.getAddress()))
                .findFirst();
        if (found.isEmpty()) {
            return Optional.of("");
        }
        Invitation invitation = found.get().invitation();
        if (!invitation.getName().equals(peer.getName())) {
            return Optional.of(
                    "; a token was used for " + invitation.getName() + " at that address, not for " + peer.getName());
        }
        if (!invitation.getPeerId().isEmpty()) {
            return invitation.getPeerId().equals(peer.getPeerId())
                    ? Optional.empty()
                    : Optional.of("; the token that was used for it has let " + invitation.getPeerId() + " in");
        }
        if (invitation.getUntilMillis() < now.toEpochMilli()) {
            return Optional.of("; the token that was used for it let it in until "
                    + Instant.ofEpochMilli(invitation.getUntilMillis()));
        }
        Invitation bound = invitation.toBuilder().setPeerId(peer.getPeerId()).build();
        boolean first = confirmed(store.submit(
                ClusterCommands.write(
                        PEERS + peer.getAddress(),
                        bound.toByteString(),
                        Expected.revision(found.get().revision())),
                TIMEOUT));
        return first ? Optional.empty() : Optional.of("; its invitation has just changed");
    }

    /** The peer is one of the store's. */
    void followed(PeerIdentity peer) throws DcsException {
        for (Invited one : invited(store.fresh(TIMEOUT))) {
            if (one.invitation().getPeerId().equals(peer.getPeerId())) {
                remove(one);
            }
        }
    }

    private void remove(Invited one) throws DcsException {
        store.submit(
                ClusterCommands.remove(PEERS + one.invitation().getAddress(), Expected.revision(one.revision())),
                TIMEOUT);
    }

    private static boolean confirmed(Reply reply) throws DcsException {
        if (reply.getUnknownFormat()) {
            throw new DcsException("The peers of the built-in store run versions that do not fit together: "
                    + reply.getRefusal() + ". Upgrade the older ones.");
        }
        return reply.getApplied();
    }

    private interface Reader<T> {
        T read(ByteString value) throws InvalidProtocolBufferException;
    }

    private static List<Token> tokens(StoreState state) throws DcsException {
        List<Token> tokens = new ArrayList<>();
        for (Map.Entry<String, Entry> e : below(state, TOKENS).entrySet()) {
            tokens.add(new Token(
                    e.getKey().substring(TOKENS.length()),
                    understood(e, TokenNote::parseFrom),
                    e.getValue().modRevision()));
        }
        return tokens;
    }

    private static List<Invited> invited(StoreState state) throws DcsException {
        List<Invited> invited = new ArrayList<>();
        for (Map.Entry<String, Entry> e : below(state, PEERS).entrySet()) {
            invited.add(new Invited(
                    understood(e, Invitation::parseFrom), e.getValue().modRevision()));
        }
        return invited;
    }

    /** Prefixes end with a slash, which '0' follows. */
    private static Map<String, Entry> below(StoreState state, String prefix) {
        return state.entries().subMap(prefix, prefix.substring(0, prefix.length() - 1) + '0');
    }

    private static <T> T understood(Map.Entry<String, Entry> entry, Reader<T> reader) throws DcsException {
        try {
            return reader.read(entry.getValue().value());
        } catch (InvalidProtocolBufferException e) {
            throw new DcsException("The key " + entry.getKey() + " of the built-in store cannot be understood", e);
        }
    }
}
