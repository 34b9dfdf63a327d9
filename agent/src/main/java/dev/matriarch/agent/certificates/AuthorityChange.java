package dev.matriarch.agent.certificates;

import dev.matriarch.proto.control.v1.CertificateRow;
import dev.matriarch.proto.control.v1.ChangeCertificateRequest;
import dev.matriarch.proto.control.v1.RotateCertificatesReply;
import dev.matriarch.tls.authority.CertificateAuthority;
import dev.matriarch.tls.authority.Fingerprint;
import dev.matriarch.tls.authority.NextAuthority;
import dev.matriarch.tls.authority.OwnCertificate;
import java.io.IOException;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.function.Supplier;
import java.util.stream.Collectors;

/**
 * A new authority in place of the present one, led by this member: takes the steps that {@link AuthorityStep} names until there is none,
 * and looks at everybody anew before each. The new authority's key goes to nobody whose certificate was not accepted.
 */
final class AuthorityChange {
    /** Where a person wants it to end. */
    enum Until {
        OVER,
        /** All accept certificates of both. */
        TRUSTED,
        /** All show certificates of the new one, and still accept those of the old one. */
        SHOWN;

        /** @throws IOException if there is no such word */
        static Until of(String word) throws IOException {
            return switch (word) {
                case "" -> OVER;
                case "trusted" -> TRUSTED;
                case "shown" -> SHOWN;
                default -> throw new IOException("--until: trusted or shown, not '" + word + "'");
            };
        }

        boolean isBefore(AuthorityStep.Work step) {
            return switch (step) {
                case AuthorityStep.Begin _ -> false;
                case AuthorityStep.PutBy _ -> false;
                case AuthorityStep.Sign _ -> this == TRUSTED;
                case AuthorityStep.Drop _ -> this != OVER;
            };
        }
    }

    /** More than there are: a member that confirms what it has not done must not keep this going for ever. */
    private static final int MOST_STEPS = 12;

    private final String scope;
    private final Supplier<Holders> holders;
    private final OwnCertificate own;
    private final Supplier<Optional<String>> revokeTokens;
    private final List<String> done = new ArrayList<>();

    /**
     * @param holders as they are when it is asked
     * @param own of this member, which leads
     * @param revokeTokens lets nobody in any more by a token that was made before; says in a sentence what it did
     */
    AuthorityChange(
            String scope, Supplier<Holders> holders, OwnCertificate own, Supplier<Optional<String>> revokeTokens) {
        this.scope = scope;
        this.holders = holders;
        this.own = own;
        this.revokeTokens = revokeTokens;
    }

    /**
     * What would be done from here on, in lines.
     *
     * @param allAreKnown also those that are stopped: the built-in store names its peers
     */
    static List<String> described(
            AuthorityStep.Work step, SortedMap<String, CertificateRow> rows, boolean allAreKnown) {
        List<String> lines = new ArrayList<>();
        String all = String.join(", ", rows.keySet());
        String old = rows.values().stream()
                .map(CertificateRow::getIssuer)
                .distinct()
                .sorted()
                .collect(Collectors.joining(", "));
        List<String> steps = List.of(
                all + ": accept the certificates of both, and keep the new authority",
                all + ": show certificates of the new one, and sign with it",
                all + ": accept the old one no more");
        switch (step) {
            case AuthorityStep.Begin begin -> {
                lines.add("A new authority takes the place of " + old + ":");
                lines.add("  " + begin.leader() + ": makes it; tokens for new members that are open are revoked");
                steps.forEach(s -> lines.add("  " + s));
            }
            case AuthorityStep.PutBy put -> {
                lines.add("The change to the authority " + put.authority() + " is under way. What is left:");
                lines.add("  " + names(put.whom()) + ": accept the certificates of both, and keep the new authority");
                steps.subList(1, 3).forEach(s -> lines.add("  " + s));
            }
            case AuthorityStep.Sign sign -> {
                lines.add("The change to the authority " + sign.authority() + " is under way. What is left:");
                lines.add("  " + names(sign.whom()) + ": show certificates of the new one, and sign with it");
                lines.add("  " + steps.getLast());
            }
            case AuthorityStep.Drop drop -> {
                lines.add("The change to the authority " + drop.authority() + " is under way. What is left:");
                lines.add("  accept the old one no more");
            }
        }
        if (!allAreKnown) {
            lines.add(
                    "The cluster's store names only members that run. One that is stopped is not let in afterwards: is the"
                            + " list complete?");
        }
        lines.add(
                "PostgreSQL goes on. Whoever else reads these files or has a copy of ca.crt needs the new one in time:"
                        + " --until trusted, --until shown");
        return lines;
    }

    private static String names(List<String> whom) {
        return String.join(", ", whom);
    }

    /**
     * @param plan what somebody agreed to
     * @return what was done, and why it ended if it did before its end
     */
    RotateCertificatesReply carriedOut(String plan, Until until) {
        RotateCertificatesReply.Builder reply = RotateCertificatesReply.newBuilder();
        try {
            run(plan, until);
            reply.setDone(true);
        } catch (IOException | RuntimeException e) {
            done.add(e.getMessage() + (done.isEmpty() ? "; nothing was changed" : "; repeat the command to go on"));
        }
        return reply.addAllLines(done).build();
    }

    private void run(String plan, Until until) throws IOException {
        Optional<String> target = Optional.empty();
        for (int i = 0; i < MOST_STEPS; i++) {
            Holders everybody = holders.get();
            SortedMap<String, CertificateRow> rows = everybody.rows();
            switch (AuthorityStep.next(rows, everybody.members(), target)) {
                case AuthorityStep.Refuse refuse -> throw new IOException(refuse.why());
                case AuthorityStep.Over over -> {
                    done.add("The authority of " + scope + " is "
                            + own.files()
                                    .authorityCertificate()
                                    .getSubjectX500Principal()
                                    .getName()
                            + " now (SHA-256 " + over.authority() + ")");
                    return;
                }
                case AuthorityStep.Work step -> {
                    if (target.isEmpty() && !step.plan().equals(plan)) {
                        throw new IOException("it is not any more as it was when you were asked; look again");
                    }
                    if (until.isBefore(step)) {
                        done.add("Ended here, as --until " + until.name().toLowerCase(java.util.Locale.ROOT)
                                + " says; repeat the command to go on");
                        return;
                    }
                    target = Optional.of(taken(step, everybody));
                }
            }
        }
        throw new IOException("members confirm what they do not show; look at their logs");
    }

    /** @return the new authority's fingerprint */
    private String taken(AuthorityStep.Work step, Holders everybody) throws IOException {
        return switch (step) {
            case AuthorityStep.Begin begin -> begun(begin.replaced());
            case AuthorityStep.PutBy put -> {
                String pem = kept(put.authority()).pem();
                each(
                        put.whom(),
                        everybody,
                        "accept the certificates of both",
                        ChangeCertificateRequest.newBuilder().setPutBy(pem));
                yield put.authority();
            }
            case AuthorityStep.Sign sign -> {
                each(
                        sign.whom(),
                        everybody,
                        "show certificates of the new authority",
                        ChangeCertificateRequest.newBuilder().setSignWith(sign.authority()));
                yield sign.authority();
            }
            case AuthorityStep.Drop drop -> {
                each(
                        drop.whom(),
                        everybody,
                        "accept the old authority no more",
                        ChangeCertificateRequest.newBuilder()
                                .addAllDrop(drop.replaced())
                                .setSigns(drop.authority()));
                yield drop.authority();
            }
        };
    }

    private String begun(SortedSet<String> replaced) throws IOException {
        List<X509Certificate> old = own.files().trusted().stream()
                .filter(a -> replaced.contains(Fingerprint.of(a)))
                .toList();
        if (!old.stream()
                .map(Fingerprint::of)
                .collect(Collectors.toCollection(TreeSet::new))
                .equals(replaced)) {
            throw new IOException("somebody signs with an authority that this member does not accept: " + replaced
                    + "; put its certificate into ca.crt here");
        }
        NextAuthority next = new NextAuthority(CertificateAuthority.create(scope, Instant.now()), old);
        own.putBy(next);
        done.add("A new authority was made: "
                + next.authority().certificate().getSubjectX500Principal().getName() + " (SHA-256 "
                + next.fingerprint() + ")");
        revokeTokens.get().ifPresent(done::add);
        return next.fingerprint();
    }

    private NextAuthority kept(String fingerprint) throws IOException {
        return own.files()
                .next()
                .filter(n -> n.fingerprint().equals(fingerprint))
                .orElseThrow(() -> new IOException("the new authority is not in "
                        + own.files().directory().resolve("next-authority.pem") + " any more"));
    }

    private void each(List<String> whom, Holders everybody, String what, ChangeCertificateRequest.Builder step)
            throws IOException {
        List<String> those = new ArrayList<>();
        for (String name : whom) {
            Optional<String> problem = everybody.change(name, step);
            if (problem.isPresent()) {
                if (!those.isEmpty()) {
                    done.add(names(those) + ": " + what);
                }
                throw new IOException(name + ": " + problem.get());
            }
            those.add(name);
        }
        done.add(names(those) + ": " + what);
    }
}
