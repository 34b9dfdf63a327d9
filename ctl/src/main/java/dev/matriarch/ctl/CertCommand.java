package dev.matriarch.ctl;

import dev.matriarch.proto.control.v1.CertificateRow;
import dev.matriarch.proto.control.v1.ListCertificatesReply;
import dev.matriarch.proto.control.v1.ListCertificatesRequest;
import dev.matriarch.proto.control.v1.RotateCertificatesReply;
import dev.matriarch.proto.control.v1.RotateCertificatesRequest;
import dev.matriarch.proto.control.v1.RotateCertificatesRequest.What;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

/** The members' certificates. */
@Command(
        name = "cert",
        synopsisSubcommandLabel = "COMMAND",
        description = {
            "Look after the certificates of the control ports and of the built-in store.",
            "status: what each member shows. rotate: new certificates where they are made here (tls.directory)."
        })
final class CertCommand {
    private static final Duration LIST = Duration.ofSeconds(6);
    /** One member after the other, each within four seconds. */
    private static final Duration ROTATE = Duration.ofSeconds(60);
    /** Three steps for each member; the agents end before that. */
    private static final Duration AUTHORITY = Duration.ofSeconds(110);
    /** The member's log begins to warn at the same time. */
    private static final Duration AUTHORITY_ENDS_SOON = Duration.ofDays(90);
    /** A renewal is tried each ten seconds. */
    private static final Duration OVERDUE = Duration.ofHours(1);
    /** Digits of a fingerprint that tell authorities apart. */
    private static final int SHORT = 16;

    private static final List<TextTable.Column> COLUMNS = List.of(
            new TextTable.Column("Member", false),
            new TextTable.Column("Source", false),
            new TextTable.Column("Subject", false),
            new TextTable.Column("Issuer", false),
            new TextTable.Column("Serial", false),
            new TextTable.Column("Valid until", false),
            new TextTable.Column("Renewed by itself", false),
            new TextTable.Column("Trusted authorities", false),
            new TextTable.Column("Note", false));

    @ParentCommand
    private Matriarchctl ctl;

    @Command(
            name = "status",
            description =
                    "Show each member's certificate. Exit code 1 if there is a note on one: it has expired, say, its renewal is overdue, or a member does not answer.")
    int status(
            @Option(
                            names = {"-f", "--format", "-o", "--output"},
                            defaultValue = "pretty",
                            description = "${COMPLETION-CANDIDATES}")
                    Format format) {
        try (Agents agents = ctl.reach()) {
            ListCertificatesReply reply = agents.callCertificates(
                    LIST, stub -> stub.listCertificates(ListCertificatesRequest.getDefaultInstance()));
            Instant now = Instant.now();
            List<List<String>> rows = new ArrayList<>();
            reply.getRowsList().forEach(r -> rows.add(row(r, now)));
            if (format.isPretty()) {
                new TextTable(" Certificates: " + reply.getScope() + " ", COLUMNS, rows)
                        .lines()
                        .forEach(ctl.terminal()::print);
            } else {
                format.lines(
                                COLUMNS.stream().map(TextTable.Column::title).toList(),
                                rows.stream().map(r -> List.<Object>copyOf(r)).toList())
                        .forEach(ctl.terminal()::print);
            }
            return reply.getRowsList().stream().allMatch(r -> note(r, now).isEmpty()) ? 0 : CtlException.REFUSED;
        }
    }

    private static List<String> row(CertificateRow r, Instant now) {
        return List.of(
                r.getName(),
                r.getSource(),
                r.getSubject(),
                r.getIssuer(),
                r.getSerial(),
                time(r.getNotAfter()),
                time(r.getRenewal()),
                String.join(
                        ", ",
                        r.getTrustedList().stream().map(CertCommand::shortened).toList()),
                note(r, now));
    }

    private static String shortened(String fingerprint) {
        return fingerprint.length() > SHORT ? fingerprint.substring(0, SHORT) : fingerprint;
    }

    private static String time(long seconds) {
        return seconds == 0 ? "" : Instant.ofEpochSecond(seconds).toString();
    }

    private static String note(CertificateRow r, Instant now) {
        if (!r.getProblem().isEmpty()) {
            return r.getProblem();
        }
        if (r.getNotAfter() != 0 && now.getEpochSecond() > r.getNotAfter()) {
            return "it has expired";
        }
        if (!r.getSource().equals("own")) {
            return "";
        }
        if (!r.getFromAuthority()) {
            return "it is not from the authority that signs on this member";
        }
        long seconds = now.getEpochSecond();
        if (r.getAuthorityNotAfter() != 0 && seconds > r.getAuthorityNotAfter() - AUTHORITY_ENDS_SOON.toSeconds()) {
            return "its authority ends at " + time(r.getAuthorityNotAfter())
                    + ", and all certificates with it: matriarchctl cert rotate --authority";
        }
        if (!r.getNextAuthority().isEmpty()) {
            return "its authority is being changed to " + shortened(r.getNextAuthority())
                    + "; to go on: matriarchctl cert rotate --authority";
        }
        long patience = Math.min(OVERDUE.toSeconds(), (r.getNotAfter() - r.getRenewal()) / 2);
        return r.getRenewal() != 0 && seconds > r.getRenewal() + patience
                ? "its renewal is overdue since " + time(r.getRenewal()) + "; the member's log says why"
                : "";
    }

    @Command(
            name = "rotate",
            description = {
                "Have new certificates made, of all members or of those named, while everything goes on.",
                "With --authority another authority of the cluster takes the place of the present one, on all members and"
                        + " witnesses, step by step, while everything goes on. If it ends in the middle, repeat it."
            })
    int rotate(
            @Parameters(arity = "0..*", paramLabel = "MEMBER", description = "Without one: all.") List<String> names,
            @Option(names = "--authority", description = "Change the authority as well.") boolean authority,
            @Option(
                            names = "--until",
                            paramLabel = "STEP",
                            description = {
                                "With --authority, end before the old one stops counting; repeat the command to go on.",
                                "trusted: all accept certificates of both. shown: all show certificates of the new one."
                            })
                    String until,
            @Option(names = "--force", description = "With --authority: do not ask for confirmation.") boolean force,
            @Mixin Report report)
            throws Exception {
        List<String> chosen = names == null ? List.of() : names;
        if (authority && !chosen.isEmpty()) {
            throw CtlException.usage("--authority changes it for all members: name none");
        }
        if (!authority && (until != null || force)) {
            throw CtlException.usage("--until and --force go with --authority");
        }
        if (until != null && !until.equals("trusted") && !until.equals("shown")) {
            throw CtlException.usage("--until: trusted or shown, not '" + until + "'");
        }
        return report.told(
                ctl,
                () -> authority ? changeAuthority(until == null ? "" : until, force, report) : renew(chosen, report));
    }

    private int renew(List<String> chosen, Report report) {
        RotateCertificatesRequest request = RotateCertificatesRequest.newBuilder()
                .setWhat(What.CERTIFICATES)
                .addAllMembers(chosen)
                .build();
        try (Agents agents = ctl.reach()) {
            return ordered(agents, "cert rotate", chosen, ROTATE, request, report);
        }
    }

    private int changeAuthority(String until, boolean force, Report report) {
        RotateCertificatesRequest.Builder request =
                RotateCertificatesRequest.newBuilder().setWhat(What.AUTHORITY).setUntil(until);
        try (Agents agents = ctl.reach()) {
            RotateCertificatesReply look = agents.callCertificates(
                    LIST, stub -> stub.rotateCertificates(request.setLook(true).build()));
            String words = String.join("\n", look.getLinesList());
            if (!look.getDone()) {
                throw CtlException.refused(words);
            }
            ctl.terminal().print(words);
            if (!force
                    && !ctl.terminal()
                            .confirm("Change the authority of "
                                    + agents.cluster().getScope() + "?")) {
                throw CtlException.refused("Aborted!");
            }
            return ordered(
                    agents,
                    "cert rotate --authority",
                    List.of(),
                    AUTHORITY,
                    request.setLook(false).setPlan(look.getPlan()).build(),
                    report);
        }
    }

    private int ordered(
            Agents agents,
            String action,
            List<String> members,
            Duration longest,
            RotateCertificatesRequest request,
            Report report) {
        String scope = agents.cluster().getScope();
        RotateCertificatesReply reply = report.given(
                scope,
                action,
                members,
                "",
                () -> agents.callCertificates(longest, stub -> stub.rotateCertificates(request)));
        String words = String.join("\n", reply.getLinesList());
        report.add(scope, action, members, "", reply.getDone() ? 200 : 412, words);
        if (reply.getDone()) {
            ctl.terminal().print(words);
        } else {
            ctl.terminal().complain("Error: " + words);
        }
        return reply.getDone() ? 0 : CtlException.REFUSED;
    }
}
