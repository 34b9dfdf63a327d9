package dev.matriarch.ctl;

import dev.matriarch.proto.control.v1.MemberAddress;
import dev.matriarch.proto.control.v1.Place;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.stream.Collectors;

/**
 * What to do next to take a cluster to another store: a function of what its members say. It remembers nothing, so that a
 * second call goes on where the first one was ended. ADR 22 argues each step.
 */
final class MovePlan {
    /**
     * @param address empty: it has no gRPC door
     * @param place what it said; empty: it did not answer
     * @param whyNot then
     */
    record Member(String name, String address, Optional<Place> place, String whyNot) {}

    /**
     * @param target section of the store
     * @param members all that are known, without those that the operator vouches for as dead
     * @param dead those
     * @param examined they were asked for obstacles
     * @param resume this command has switched the pause on, or was told that another one had
     */
    record Standing(String target, List<Member> members, Set<String> dead, boolean examined, boolean resume) {
        Standing {
            members = List.copyOf(members);
            dead = Set.copyOf(dead);
        }
    }

    sealed interface Step {
        /** Nothing can be done before these are out of the way. */
        record Refuse(List<String> obstacles) implements Step {}

        /** Until somebody else has done something. */
        record Wait(String what) implements Step {}

        record Pause(String by) implements Step {}

        /**
         * Nobody leads by the store of this member from then on.
         *
         * @param prepares the target is written to before
         */
        record Close(String by, boolean prepares) implements Step {}

        record Open(String by) implements Step {}

        /**
         * These agents begin anew with the target, each when the one before has been told.
         *
         * @param back as they left it
         */
        record Go(List<String> members, boolean back) implements Step {}

        record Resume(String by) implements Step {}

        record Done(String how) implements Step {}
    }

    private static final String BUILT_IN = "raft";

    private final Standing standing;
    private final String target;
    private final List<Place> here;
    private final List<Place> elsewhere;
    private final List<Member> silent;

    private MovePlan(Standing standing) {
        this.standing = standing;
        this.target = standing.target();
        List<Place> places =
                standing.members().stream().flatMap(m -> m.place().stream()).toList();
        here = places.stream().filter(p -> p.getStore().equals(target)).toList();
        elsewhere = places.stream().filter(p -> !p.getStore().equals(target)).toList();
        silent = standing.members().stream().filter(m -> m.place().isEmpty()).toList();
    }

    static Step next(Standing standing) {
        return new MovePlan(standing).next();
    }

    private Step next() {
        if (elsewhere.isEmpty()) {
            return here.isEmpty() ? new Step.Wait(joined(silence())) : arrived();
        }
        Set<String> stores = elsewhere.stream().map(Place::getStore).collect(Collectors.toCollection(TreeSet::new));
        if (stores.size() > 1) {
            return new Step.Refuse(List.of("the members use different stores: "
                    + elsewhere.stream()
                            .map(p -> p.getName() + " " + p.getStore())
                            .collect(Collectors.joining(", "))
                    + ". Finish the move that was begun first"));
        }
        // Somebody may have been away since an earlier move came from there. Where one leads, the others follow.
        boolean led = here.stream().anyMatch(Place::getLeads);
        return !led && elsewhere.stream().anyMatch(p -> p.getMovingFrom().equals(target)) ? back() : forward();
    }

    // --- all are there ---

    private Step arrived() {
        Optional<Place> leader = first(here, Place::getLeads);
        if (here.stream().anyMatch(p -> !p.getMovedTo().isEmpty())) {
            return silent.isEmpty() ? opened() : new Step.Wait(joined(silence()));
        }
        if (leader.isEmpty()) {
            return withoutLeader();
        }
        if (!leader.get().getPaused() && !leader.get().getPausedThere()) {
            return new Step.Done(
                    "The cluster uses " + target + ", led by " + leader.get().getName());
        }
        return incomplete(leader.get())
                .<Step>map(Step.Wait::new)
                .orElseGet(() -> standing.resume()
                        ? new Step.Resume(leader.get().getName())
                        : new Step.Done("The cluster uses " + target + ", led by "
                                + leader.get().getName() + ". It was paused before and stays so: matriarchctl resume"));
    }

    /** Whoever has ended the pause of a closed store would have another one elected as soon as it is open. */
    private Step opened() {
        Predicate<Place> may = p -> p.getSeen() && p.getMayOpen();
        Optional<Place> by = first(here, may.and(Place::getPrimary)).or(() -> first(here, may));
        if (by.isEmpty()) {
            return new Step.Wait(
                    here.stream().noneMatch(Place::getSeen)
                            ? "nobody can read the store " + target
                            : "the store " + target + " was closed in a move, and none of "
                                    + here.stream().map(Place::getName).collect(Collectors.joining(", "))
                                    + " knows that the cluster is not led by "
                                    + first(here, p -> !p.getMovedTo().isEmpty())
                                            .map(Place::getMovedTo)
                                            .orElse("another one")
                                    + " now: go there with them (migrate --to)");
        }
        // An election asks those that the store knows whether one of them is a primary.
        Optional<String> unknown = unknown(by.get());
        if (unknown.isPresent()) {
            return new Step.Wait(unknown.get());
        }
        String name = by.get().getName();
        return by.get().getConfigThere() && !by.get().getPausedThere() ? new Step.Pause(name) : new Step.Open(name);
    }

    private Step withoutLeader() {
        Step.Wait wait = new Step.Wait("nobody leads by the store " + target + " yet" + details());
        if (!silent.isEmpty() || here.stream().anyMatch(Place::getPrimary)) {
            return wait;
        }
        // Only the primary takes the lock of a store that nobody has led by, and it was the old store that knew its
        // standbys.
        Optional<String> from = here.stream().allMatch(p -> !p.getMovingFrom().isEmpty())
                ? Optional.of(here.getFirst().getMovingFrom())
                : Optional.empty();
        String dead = standing.dead().stream().sorted().collect(Collectors.joining(", "));
        if (from.isPresent()) {
            String back = "no PostgreSQL of those that have come to " + target
                    + " runs as primary, and nobody else leads there: go back (migrate --to " + from.get()
                    + standing.dead().stream()
                            .sorted()
                            .map(d -> " --without " + d)
                            .collect(Collectors.joining())
                    + "), and have another one elected there";
            return dead.isEmpty() ? new Step.Wait(back) : new Step.Refuse(List.of(back));
        }
        return dead.isEmpty()
                ? new Step.Wait("nobody leads by the store " + target
                        + ", and no PostgreSQL runs as primary: matriarchctl resume has one elected")
                : new Step.Done("All members that are left use " + target
                        + ", and nobody leads: the cluster stays paused. When it is certain that PostgreSQL does not run"
                        + " any more on " + dead + ": matriarchctl resume");
    }

    /** The end of the pause lets members be elected by what stands in the store. */
    private Optional<String> incomplete(Place leader) {
        if (!silent.isEmpty()) {
            return Optional.of(joined(silence()));
        }
        Optional<String> unknown = unknown(leader);
        if (unknown.isPresent()) {
            return unknown;
        }
        if (here.stream().anyMatch(p -> !p.getSeen())) {
            return Optional.of("not every member can read the store " + target + " yet" + details());
        }
        boolean whole = leader.getSeen()
                && leader.getInitialize().equals(leader.getSystemIdentifier())
                && leader.getConfigThere()
                && leader.getSyncThere();
        return whole
                ? Optional.empty()
                : Optional.of(leader.getName() + " has not written all of its keys into the store " + target + " yet");
    }

    private Optional<String> unknown(Place place) {
        Set<String> listed =
                place.getMembersList().stream().map(MemberAddress::getName).collect(Collectors.toSet());
        String missing = here.stream()
                .map(Place::getName)
                .filter(name -> !listed.contains(name))
                .collect(Collectors.joining(", "));
        return missing.isEmpty()
                ? Optional.empty()
                : Optional.of("the store " + target + " does not know " + missing + " yet");
    }

    private String details() {
        String unseen =
                here.stream().filter(p -> !p.getSeen()).map(Place::getName).collect(Collectors.joining(", "));
        return (unseen.isEmpty() ? "" : "; it does not answer to " + unseen)
                + (silent.isEmpty() ? "" : "; " + joined(silence()));
    }

    // --- back to the store that was left ---

    private Step back() {
        List<String> settled = elsewhere.stream()
                .filter(p -> !p.getMovingFrom().equals(target) || !p.getLeader().isEmpty())
                .map(Place::getName)
                .toList();
        String now = elsewhere.getFirst().getStore();
        if (!settled.isEmpty()) {
            return new Step.Refuse(List.of("somebody may have led by the store " + now + " (" + joined(settled)
                    + " has noted it), so that what stands in " + target
                    + " is old. Finish this move first (migrate --to "
                    + now + "), and move back then"));
        }
        if (!silent.isEmpty()) {
            return new Step.Wait(joined(silence()));
        }
        Optional<Place> closer = first(elsewhere, Place::getSeen);
        boolean closed = elsewhere.stream().anyMatch(p -> p.getMovedTo().equals(target));
        return closer.isPresent() && !closed
                ? new Step.Close(closer.get().getName(), false)
                : new Step.Go(leaving(), true);
    }

    /** The primary sees for itself that the store is closed: a built-in one must not have lost its majority before. */
    private List<String> leaving() {
        return elsewhere.stream()
                .sorted(Comparator.comparing(p -> !p.getPrimary()))
                .map(Place::getName)
                .toList();
    }

    // --- to a new one ---

    private Step forward() {
        Set<String> away = elsewhere.stream()
                .map(Place::getMovedTo)
                .filter(to -> !to.isEmpty())
                .collect(Collectors.toCollection(TreeSet::new));
        String now = elsewhere.getFirst().getStore();
        if (!away.isEmpty() && !away.equals(Set.of(target))) {
            return new Step.Refuse(List.of("the store " + now + " was closed in a move to " + String.join(", ", away)
                    + ": finish that one first, or go back with migrate --to " + now));
        }
        if (away.isEmpty()) {
            Optional<Place> leader = first(elsewhere, Place::getLeads);
            if (leader.isPresent()) {
                return begin(leader.get());
            }
            if (here.stream().noneMatch(Place::getLeads) && !leftBehind()) {
                List<String> all = new ArrayList<>(silence());
                all.add("nobody leads by the store " + now + ": a cluster without a leader cannot be moved");
                return new Step.Refuse(all);
            }
        }
        return silent.isEmpty() ? new Step.Go(leaving(), false) : new Step.Wait(joined(silence()));
    }

    /** A built-in store lost its majority before these could see that it was closed; the cluster is in the target. */
    private boolean leftBehind() {
        boolean there = here.stream()
                .anyMatch(p -> p.getSeen()
                        && p.getMovedTo().isEmpty()
                        && !p.getSystemIdentifier().isEmpty()
                        && p.getInitialize().equals(p.getSystemIdentifier()));
        return there && elsewhere.stream().noneMatch(p -> p.getSeen() || p.getPrimary());
    }

    private Step begin(Place leader) {
        List<String> obstacles = new ArrayList<>(silence());
        for (Place place : here) {
            obstacles.add(place.getName() + ": uses " + target + " already, and the cluster is led by "
                    + leader.getStore() + ": it was away in an earlier move. Bring it there first (matriarchctl -c FILE"
                    + " migrate --to " + leader.getStore() + ", with its own FILE)");
        }
        for (Place place : elsewhere) {
            obstacles(place, leader).forEach(why -> obstacles.add(place.getName() + ": " + why));
        }
        if (!leader.getPendingSwitchover().isEmpty()) {
            obstacles.add(
                    leader.getPendingSwitchover() + " is pending: wait for it, or cancel it (matriarchctl flush)");
        }
        if (standing.examined() && target.equals(BUILT_IN)) {
            List<Place> all = new ArrayList<>(elsewhere);
            all.addAll(here);
            obstacles.addAll(NamedPeers.obstacles(all));
        }
        if (!obstacles.isEmpty()) {
            return new Step.Refuse(obstacles);
        }
        if (!leader.getPaused()) {
            return new Step.Pause(leader.getName());
        }
        List<String> behind = elsewhere.stream()
                .filter(p -> !p.getPaused())
                .map(Place::getName)
                .toList();
        return behind.isEmpty()
                ? new Step.Close(leader.getName(), !target.equals(BUILT_IN))
                : new Step.Wait(String.join(", ", behind) + " has not seen the pause yet");
    }

    private static List<String> obstacles(Place place, Place leader) {
        List<String> all = new ArrayList<>(place.getObstaclesList());
        if (!place.getVersion().equals(leader.getVersion())) {
            all.add("runs version " + place.getVersion() + ", the leader " + leader.getVersion()
                    + ": bring all to the same one first");
        }
        if (!place.getSeen()) {
            all.add("cannot read the store " + place.getStore());
        } else if (!place.getInitialize().equals(leader.getSystemIdentifier())
                || !place.getSystemIdentifier().equals(leader.getSystemIdentifier())) {
            all.add("its data directory is not this cluster's");
        }
        return all;
    }

    private List<String> silence() {
        Function<Member, String> words = m -> m.address().isEmpty()
                ? m.name()
                        + " publishes no gRPC address: it is run by Patroni, not by Matriarch. Let agents of Matriarch take all"
                        + " members over first"
                : m.name() + " (" + m.address() + ") does not answer: " + m.whyNot()
                        + ". Start its agent; if it is gone for good, wait until its record has ended, or see --without";
        return silent.stream().map(words).toList();
    }

    private static String joined(List<String> sentences) {
        return String.join("; ", sentences);
    }

    private static Optional<Place> first(List<Place> places, Predicate<Place> which) {
        return places.stream().filter(which).findFirst();
    }
}
