package dev.matriarch.agent.rpc;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Member;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;

class AddresseeTest {
    private static final Member N2 = Member.named("n2").build();
    private static final Supplier<Optional<ClusterView>> VIEW =
            () -> Optional.of(FakeDcs.view(5, "{}", "n1", List.of(N2), null));
    private static final Supplier<Optional<ClusterView>> NOT_NEEDED = () -> {
        throw new AssertionError("the store was asked");
    };

    private static Addressee of(String name, boolean passedOn, Supplier<Optional<ClusterView>> view) {
        return Addressee.of(name, passedOn, "n1", "demo", view);
    }

    @Test
    void whoIsNamedOrNobodyIsThisMember() {
        assertEquals(new Addressee.Here(), of("", false, NOT_NEEDED));
        assertEquals(new Addressee.Here(), of("n1", true, NOT_NEEDED));
    }

    @Test
    void anotherMemberIsAskedForWhatItIsNamedFor() {
        assertEquals(new Addressee.There(N2), of("n2", false, VIEW));
        assertEquals(new Addressee.Unknown("n3 is not a member of cluster demo"), of("n3", false, VIEW));
        assertEquals(
                new Addressee.Unknown("n2 is not a member of cluster demo"),
                of("n2", false, Optional::empty),
                "as far as is known here");
    }

    /** Else two members that publish each other's address would send it to and fro for ever. */
    @Test
    void whatWasPassedOnIsNotPassedOnAgain() {
        assertEquals(
                new Addressee.Misdirected("the address of member n2 is answered by member n1"),
                of("n2", true, NOT_NEEDED));
    }
}
