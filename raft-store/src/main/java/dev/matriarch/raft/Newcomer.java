package dev.matriarch.raft;

import dev.matriarch.proto.store.v1.HelloReply;
import java.util.Optional;
import java.util.stream.Collectors;
import org.apache.ratis.protocol.RaftPeer;

/** Whether a peer that somebody wants to add is one that waits for this store, and may be taken into it. Pure. */
final class Newcomer {
    private Newcomer() {}

    /**
     * @param hello what it says of itself
     * @param address the one by which it was asked
     * @param listening wanted as a listener
     * @param scope of the store, as the rest
     * @param now who is in it
     * @param level the feature level that every member must know
     * @return why it may not be taken in; empty: it may
     */
    static Optional<String> unfit(
            HelloReply hello,
            String address,
            boolean listening,
            String scope,
            String group,
            GroupMembers now,
            int level) {
        String name = hello.getMe().getName();
        if (!hello.getScope().equals(scope)) {
            return Optional.of("the peer at " + address + " belongs to the cluster \"" + hello.getScope()
                    + "\", not to \"" + scope + "\"");
        }
        if (hello.getFormatVersion() != Forming.FORMAT_VERSION) {
            return Optional.of("the peer at " + address + " speaks format " + hello.getFormatVersion()
                    + " of the store's protocol, this version only " + Forming.FORMAT_VERSION);
        }
        Optional<String> tooOld = FeatureLevel.refusal(level, hello.getFeatureLevel());
        if (tooOld.isPresent()) {
            return tooOld.map(why -> "the peer at " + address + " is of an older version: " + why);
        }
        if (!hello.getMe().getAddress().equals(address)) {
            return Optional.of("the peer at " + address + " says that its own address is "
                    + hello.getMe().getAddress() + "; name it by that");
        }
        if (!hello.getGroupId().isEmpty() && !hello.getGroupId().equals(group)) {
            return Optional.of("the peer at " + address + " is part of another store (" + hello.getGroupId()
                    + "). Nothing was changed. If that store is to be given up, stop the agent there, move its"
                    + " raft.data_dir aside and start it again");
        }
        if (!hello.getGroupId().isEmpty()) {
            return Optional.of("the peer at " + address + " was part of this store and has not noticed yet that it was"
                    + " removed; try again in a few seconds");
        }
        if (hello.getMe().getListener() != listening) {
            return Optional.of(
                    listening
                            ? "the peer at " + address + " is to have a vote. Take it in without --listener, or run"
                                    + " 'matriarch listener FILE' there, with an empty raft.data_dir"
                            : "the peer at " + address + " is a listener, without a vote. Take it in with --listener");
        }
        if (!hello.getWaitingFor().equals(group)) {
            return Optional.of("the peer at " + address + " does not wait for this store"
                    + (hello.getWaitingFor().isEmpty() ? " yet" : " but for " + hello.getWaitingFor())
                    + ". Its raft.partner_addrs must name one of "
                    + now.voters().stream().map(RaftPeer::getAddress).collect(Collectors.joining(", ")));
        }
        return now.all().stream()
                .filter(p -> PeerMarker.nameOf(p.getId().toString()).equals(name)
                        || p.getAddress().equals(address))
                .findFirst()
                .map(t -> twin(name, address, listening, t, now.isListener(t)));
    }

    private static String twin(String name, String address, boolean listening, RaftPeer twin, boolean isListener) {
        if (!twin.getAddress().equals(address)) {
            return "a peer named " + name + " is in the store already, at " + twin.getAddress()
                    + ". If that host is gone, remove it first: matriarchctl raft remove-peer " + twin.getAddress();
        }
        return isListener == listening
                ? "the address " + address + " is that of " + twin.getId()
                        + ", which the new peer there replaces by itself"
                : taken(address, twin, isListener);
    }

    /** A peer takes the place of one of its own kind only. */
    static String taken(String address, RaftPeer by, boolean byListener) {
        return "the address " + address + " is that of " + by.getId() + ", "
                + (byListener ? "a listener" : "which has a vote") + ". Remove that one first: matriarchctl raft"
                + " remove-peer " + by.getId();
    }
}
