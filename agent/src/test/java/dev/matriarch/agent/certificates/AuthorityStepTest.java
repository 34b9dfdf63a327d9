package dev.matriarch.agent.certificates;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.proto.control.v1.CertificateRow;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

/** Old is the authority of before, new the one that takes its place; n1 and n2 are members, w is a witness. */
class AuthorityStepTest {
    private static final String OLD = "0d";
    private static final String NEW = "1e";

    private final SortedMap<String, CertificateRow> rows = new TreeMap<>();
    private final SortedSet<String> members = new TreeSet<>(List.of("n1", "n2"));

    AuthorityStepTest() {
        List.of("n1", "n2", "w").forEach(this::before);
    }

    private static CertificateRow.Builder row(String signs, String... trusted) {
        return CertificateRow.newBuilder()
                .setSource("own")
                .setAuthority(signs)
                .addAllTrusted(List.of(trusted))
                .setFromAuthority(true)
                .setChangesAuthority(true);
    }

    private static CertificateRow.Builder keeping(CertificateRow.Builder row) {
        return row.setNextAuthority(NEW).addReplaced(OLD);
    }

    private void before(String name) {
        rows.put(name, row(OLD, OLD).build());
    }

    private void accepting(String name) {
        rows.put(name, keeping(row(OLD, OLD, NEW)).build());
    }

    private void signing(String name) {
        rows.put(name, keeping(row(NEW, OLD, NEW)).build());
    }

    private void over(String name) {
        rows.put(name, row(NEW, NEW).build());
    }

    private AuthorityStep next() {
        return AuthorityStep.next(rows, members, Optional.empty());
    }

    private AuthorityStep next(String target) {
        return AuthorityStep.next(rows, members, Optional.of(target));
    }

    private String refused() {
        return assertInstanceOf(AuthorityStep.Refuse.class, next()).why();
    }

    @Test
    void eachStepIsTakenWhenAllHaveTakenTheOneBefore() {
        assertEquals(new AuthorityStep.Begin("n1", new TreeSet<>(List.of(OLD))), next());
        accepting("n1");
        assertEquals(new AuthorityStep.PutBy("n1", NEW, List.of("n2", "w")), next(NEW));
        accepting("n2");
        assertEquals(new AuthorityStep.PutBy("n1", NEW, List.of("w")), next(NEW));
        accepting("w");
        assertEquals(new AuthorityStep.Sign("n1", NEW, List.of("n1", "n2", "w")), next(NEW));
        signing("n1");
        signing("n2");
        assertEquals(new AuthorityStep.Sign("n1", NEW, List.of("w")), next(NEW));
        signing("w");
        SortedSet<String> old = new TreeSet<>(List.of(OLD));
        assertEquals(new AuthorityStep.Drop("n1", NEW, old, List.of("n2", "w")), next(NEW));
        over("n2");
        over("w");
        // It knew what is replaced.
        assertEquals(new AuthorityStep.Drop("n1", NEW, old, List.of("n1")), next(NEW));
        over("n1");
        assertEquals(new AuthorityStep.Over(NEW), next(NEW));
        assertEquals(new AuthorityStep.Begin("n1", new TreeSet<>(List.of(NEW))), next());
    }

    @Test
    void whatIsWrittenAndNotInForceYetIsNotConfirmed() {
        List.of("n1", "n2").forEach(this::accepting);
        rows.put("w", keeping(row(OLD, OLD)).build());
        assertEquals(new AuthorityStep.PutBy("n1", NEW, List.of("w")), next());
        List.of("n1", "n2").forEach(this::signing);
        rows.put("w", keeping(row(NEW, OLD, NEW)).setFromAuthority(false).build());
        assertEquals(new AuthorityStep.Sign("n1", NEW, List.of("w")), next());
    }

    @Test
    void whoCameMeanwhileIsTakenAlong() {
        List.of("n1", "n2", "w").forEach(this::signing);
        rows.put("a0", row(OLD, OLD, NEW).build());
        members.add("a0");
        assertEquals(new AuthorityStep.PutBy("n1", NEW, List.of("a0")), next());
        rows.put("a0", row(NEW, OLD, NEW).build());
        AuthorityStep.Drop drop = assertInstanceOf(AuthorityStep.Drop.class, next());
        assertEquals(List.of("a0", "n2", "w"), drop.whom());
    }

    @Test
    void itGoesOnWithoutWhoBeganIt() {
        List.of("n2", "w").forEach(this::accepting);
        rows.remove("n1");
        members.remove("n1");
        assertEquals(new AuthorityStep.Sign("n2", NEW, List.of("n2", "w")), next());
    }

    @Test
    void nothingIsDoneUnlessAllTakePart() {
        accepting("n1");
        rows.put(
                "n2",
                CertificateRow.newBuilder().setProblem("no answer in time").build());
        rows.put("w", CertificateRow.newBuilder().setSource("brought").build());
        rows.put("x", row(OLD, OLD).setChangesAuthority(false).build());
        rows.put("y", CertificateRow.newBuilder().setSource("none").build());
        String why = refused();
        assertTrue(why.contains("n2: no answer in time"), why);
        assertTrue(why.contains("w's certificate is brought by somebody else"), why);
        assertTrue(why.contains("x runs an older version"), why);
        assertTrue(why.contains("y has no TLS"), why);
        assertTrue(why.contains("raft remove-peer"), why);
        rows.clear();
        members.clear();
        assertTrue(refused().contains("has not seen the cluster"));
    }

    @Test
    void twoNewOnesAreNotMixed() {
        accepting("n1");
        rows.put("n2", row(OLD, OLD, "2f").setNextAuthority("2f").build());
        assertTrue(refused().contains("two new authorities"), this::refused);
        before("n2");
        assertInstanceOf(AuthorityStep.Refuse.class, next("2f"));
        before("n1");
        assertInstanceOf(AuthorityStep.Refuse.class, next("2f"));
        // A witness alone cannot hand it on.
        accepting("w");
        assertTrue(refused().contains("[w]"), this::refused);
    }

    @Test
    void bothOfTwoThatSignAreReplaced() {
        rows.put("n2", row("0c", OLD, "0c").build());
        assertEquals(new AuthorityStep.Begin("n1", new TreeSet<>(List.of("0c", OLD))), next());
    }

    @Test
    void whatAPersonAgreedToIsToldFromAnythingElse() {
        String begin = plan();
        accepting("n1");
        String goOn = plan();
        List.of("n1", "n2", "w").forEach(this::signing);
        assertEquals(goOn, plan());
        List.of("n1", "n2", "w").forEach(this::over);
        assertEquals(3, new TreeSet<>(List.of(begin, goOn, plan())).size());
    }

    private String plan() {
        return assertInstanceOf(AuthorityStep.Work.class, next()).plan();
    }
}
