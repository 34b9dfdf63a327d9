package dev.matriarch.agent.join;

import dev.matriarch.dcs.Member;
import dev.matriarch.proto.store.v1.Invitation;
import java.net.InetAddress;
import java.net.URI;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Who wants to join, and whether its name, its address and its clock fit the cluster. Pure.
 *
 * @param host by which the others are to call it
 */
record Newcomer(String name, String host) {
    /** A certificate that is made now must hold on the new host, and the other way round. */
    static final Duration CLOCKS = Duration.ofMinutes(5);

    private static final Pattern NAME = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,62}");
    private static final Pattern HOST = Pattern.compile("[A-Za-z0-9]([A-Za-z0-9._-]{0,252}[A-Za-z0-9])?");

    /**
     * @param members that the store knows
     * @param peers of the store
     * @param invited names and addresses that are promised to others
     * @return why not; empty: it may
     */
    Optional<String> objection(
            Collection<Member> members, Collection<JoinStore.Peer> peers, Collection<Invitation> invited, Instant now) {
        if (!NAME.matcher(name).matches()) {
            return Optional.of("'" + name + "' is no name for a member: letters, digits, '.', '_' and '-', at most 63;"
                    + " give another with --name");
        }
        if (!isAddress()) {
            return Optional.of("'" + host + "' is neither an address nor the name of a host; give one with --address");
        }
        for (Member member : members) {
            if (member.name().equals(name)) {
                return Optional.of("there is a member " + name + " already, at "
                        + hosts(member).findFirst().orElse("an unknown address") + "; give another with --name");
            }
            if (hosts(member).anyMatch(this::isMine)) {
                return Optional.of("the address " + host + " is that of member " + member.name()
                        + "; give another with --address");
            }
        }
        for (JoinStore.Peer peer : peers) {
            boolean named = peer.name().equals(name);
            if (named || isMine(hostOf(peer.address()))) {
                return Optional.of((named ? "a peer named " + name : "the peer " + peer.name())
                        + " is in the store already, at " + peer.address()
                        + ". If that host is gone for good: matriarchctl raft remove-peer " + peer.address());
            }
        }
        for (Invitation one : invited) {
            boolean sameName = one.getName().equals(name);
            boolean sameHost = isMine(hostOf(one.getAddress()));
            // Both: it lost the answer to its first try.
            if (sameName != sameHost && one.getUntilMillis() >= now.toEpochMilli()) {
                return Optional.of("a token was used for " + one.getName() + " at " + hostOf(one.getAddress())
                        + ", which has not started yet; "
                        + (sameName ? "give another name with --name" : "give another address with --address"));
            }
        }
        return Optional.empty();
    }

    private boolean isAddress() {
        try {
            InetAddress.ofLiteral(host);
            return true;
        } catch (IllegalArgumentException e) {
            return HOST.matcher(host).matches();
        }
    }

    private boolean isMine(String other) {
        return comparable(other).equals(comparable(host));
    }

    private static String comparable(String host) {
        try {
            return InetAddress.ofLiteral(host).getHostAddress();
        } catch (IllegalArgumentException e) {
            return host.toLowerCase(Locale.ROOT);
        }
    }

    private static Stream<String> hosts(Member member) {
        return Stream.of(member.rpcAddress(), authority(member.apiUrl()), authority(member.connUrl()))
                .filter(a -> !a.isEmpty())
                .map(Newcomer::hostOf);
    }

    private static String authority(String url) {
        try {
            String authority = URI.create(url).getRawAuthority();
            return authority == null ? "" : authority;
        } catch (IllegalArgumentException e) {
            return "";
        }
    }

    private static String hostOf(String address) {
        int colon = address.lastIndexOf(':');
        String host = colon > address.lastIndexOf(']') ? address.substring(0, colon) : address;
        return host.startsWith("[") && host.endsWith("]") ? host.substring(1, host.length() - 1) : host;
    }

    /** @return why the clocks are too far apart; empty: they are not */
    static Optional<String> clocksApart(String here, Instant mine, String there, Instant theirs) {
        Duration ahead = Duration.between(mine, theirs);
        if (ahead.abs().compareTo(CLOCKS) <= 0) {
            return Optional.empty();
        }
        return Optional.of("the clock of " + there + " is " + words(ahead.abs())
                + (ahead.isNegative() ? " behind" : " ahead of") + " that of " + here
                + ": certificates would count for one and not for the other. Set the clock (NTP), and try again");
    }

    private static String words(Duration much) {
        List<String> parts = Stream.of(
                        much.toDays() > 0 ? much.toDays() + " d" : "",
                        much.toHoursPart() > 0 ? much.toHoursPart() + " h" : "",
                        much.toMinutesPart() > 0 ? much.toMinutesPart() + " min" : "")
                .filter(p -> !p.isEmpty())
                .toList();
        return String.join(" ", parts);
    }
}
