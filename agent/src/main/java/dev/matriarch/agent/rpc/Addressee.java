package dev.matriarch.agent.rpc;

import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Member;
import java.util.Optional;
import java.util.function.Supplier;

/** Whom a request is for that names a member, or none for the one that is asked. */
sealed interface Addressee {
    /** This member. */
    record Here() implements Addressee {}

    record There(Member member) implements Addressee {}

    /** Another member has passed it on to the address of the one that is named, and this is somebody else. */
    record Misdirected(String why) implements Addressee {}

    record Unknown(String why) implements Addressee {}

    /**
     * @param name may be empty
     * @param passedOn by another member
     * @param view asked for only if it is needed
     */
    static Addressee of(String name, boolean passedOn, String me, String scope, Supplier<Optional<ClusterView>> view) {
        if (name.isEmpty() || name.equals(me)) {
            return new Here();
        }
        if (passedOn) {
            return new Misdirected("the address of member " + name + " is answered by member " + me);
        }
        return view.get()
                .flatMap(v -> v.member(name))
                .<Addressee>map(There::new)
                .orElseGet(() -> new Unknown(name + " is not a member of cluster " + scope));
    }
}
