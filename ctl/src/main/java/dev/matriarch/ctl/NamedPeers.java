package dev.matriarch.ctl;

import dev.matriarch.proto.control.v1.Place;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;

/**
 * The peers that members' configurations name for a built-in store which is still to form: it does so when all that anybody names
 * are there, and never without one of them.
 */
final class NamedPeers {
    private NamedPeers() {}

    /** Why the store would not form, one sentence each. Members without a peer of their own have no say. */
    static List<String> obstacles(List<Place> members) {
        List<Place> places =
                members.stream().filter(p -> !p.getRaftSelf().isEmpty()).toList();
        Map<String, String> own = new TreeMap<>();
        Set<String> answering = new TreeSet<>();
        List<String> wrong = new ArrayList<>();
        for (Place place : places) {
            String other = own.put(place.getRaftSelf(), place.getName());
            if (other != null) {
                wrong.add(other + " and " + place.getName() + " have the same raft.self_addr, " + place.getRaftSelf());
            }
            answering.addAll(place.getRaftAnsweringList());
        }
        Map<Set<String>, List<String>> sets = places.stream()
                .collect(
                        Collectors.groupingBy(NamedPeers::of, Collectors.mapping(Place::getName, Collectors.toList())));
        if (sets.size() > 1) {
            wrong.add("raft.self_addr and raft.partner_addrs together do not name the same peers on all members: "
                    + sets.entrySet().stream()
                            .map(e -> String.join(", ", e.getValue()) + " name " + String.join(", ", e.getKey()))
                            .sorted()
                            .collect(Collectors.joining("; ")));
            return wrong;
        }
        // Each member names itself, so that all of their own peers are among these.
        sets.keySet().stream()
                .flatMap(Set::stream)
                .filter(address -> !own.containsKey(address) && !answering.contains(address))
                .forEach(address -> wrong.add("nobody listens at " + address
                        + ", which raft.partner_addrs names and which is no member's: the store would never form. Start the"
                        + " witness there, or take the address out and restart the agents"));
        return wrong;
    }

    private static Set<String> of(Place place) {
        Set<String> all = new TreeSet<>(place.getRaftPartnersList());
        all.add(place.getRaftSelf());
        return all;
    }
}
