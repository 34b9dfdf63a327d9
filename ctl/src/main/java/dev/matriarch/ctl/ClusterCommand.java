package dev.matriarch.ctl;

import dev.matriarch.proto.control.v1.CreateTokenReply;
import dev.matriarch.proto.control.v1.CreateTokenRequest;
import dev.matriarch.proto.control.v1.ListTokensReply;
import dev.matriarch.proto.control.v1.ListTokensRequest;
import dev.matriarch.proto.control.v1.RevokeTokenReply;
import dev.matriarch.proto.control.v1.RevokeTokenRequest;
import dev.matriarch.proto.control.v1.TokenRow;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParentCommand;

/** New members for a cluster. */
@Command(
        name = "cluster",
        synopsisSubcommandLabel = "COMMAND",
        description = {
            "Let new hosts become members.",
            "token: make a token for one, list those that there are, revoke one."
        })
final class ClusterCommand {
    private static final Duration PATIENCE = Duration.ofSeconds(20);
    private static final Pattern DURATION = Pattern.compile("(\\d{1,9})([smhd]?)");

    private static final List<TextTable.Column> COLUMNS = List.of(
            new TextTable.Column("Token", false),
            new TextTable.Column("State", false),
            new TextTable.Column("Made by", false),
            new TextTable.Column("Made", false),
            new TextTable.Column("Valid until", false),
            new TextTable.Column("Used by", false),
            new TextTable.Column("Used", false));

    @ParentCommand
    private Matriarchctl ctl;

    /** One of them, or neither: then a token is made. */
    static final class Task {
        @Option(names = "--list", description = "Show the tokens of the last day, without their secrets.")
        private boolean list;

        @Option(
                names = "--revoke",
                paramLabel = "TOKEN",
                description = "Let nobody in by this token, named as --list shows it.")
        private String revoke;
    }

    /** One of them, or neither: the command is that for a member. */
    static final class Kind {
        @Option(
                names = "--witness",
                description = "Print the command for a witness: a vote in the store, without PostgreSQL.")
        private boolean witness;

        @Option(
                names = "--listener",
                description = "Print the command for a listener: a copy of the store without a vote and without"
                        + " PostgreSQL, which answers HTTP.")
        private boolean listener;

        /** As it is typed, with a space behind it. */
        private String option() {
            if (listener) {
                return "--listener ";
            }
            return witness ? "--witness " : "";
        }
    }

    @Command(
            name = "token",
            description = {
                "Print the command to type on a new host. It counts once, and until the token ends.",
                "Whoever has the token gets a certificate of the cluster, and the passwords in the configuration: give it to"
                        + " nobody else."
            })
    int token(
            @Option(
                            names = "--ttl",
                            paramLabel = "TIME",
                            defaultValue = "30m",
                            description = "How long it counts: 90s, 30m, 2h, 1d. From 10 seconds to 7 days;"
                                    + " ${DEFAULT-VALUE} if not given.")
                    String ttl,
            @ArgGroup(exclusive = true, multiplicity = "0..1") Kind kind,
            @ArgGroup(exclusive = true, multiplicity = "0..1") Task task,
            @Option(
                            names = {"-f", "--format", "-o", "--output"},
                            defaultValue = "pretty",
                            description = "${COMPLETION-CANDIDATES}")
                    Format format) {
        if (task != null && kind != null) {
            throw CtlException.usage(kind.option() + "goes with a new token, not with --list or --revoke");
        }
        if (task != null && task.list) {
            return list(format);
        }
        if (format == Format.tsv || format == Format.topology) {
            throw CtlException.usage("--output: pretty, json or yaml");
        }
        return task != null && task.revoke != null
                ? revoke(task.revoke, format)
                : make(seconds(ttl), kind == null ? "" : kind.option(), format);
    }

    /** Of {@code 90s}, {@code 30m}, {@code 2h}, {@code 1d}; without a letter seconds. */
    static long seconds(String text) {
        Matcher m = DURATION.matcher(text);
        if (!m.matches()) {
            throw CtlException.usage("--ttl: '" + text + "' is no time such as 90s, 30m, 2h or 1d");
        }
        long number = Long.parseLong(m.group(1));
        return switch (m.group(2)) {
            case "m" -> number * 60;
            case "h" -> number * 3600;
            case "d" -> number * 86_400;
            default -> number;
        };
    }

    private int make(long seconds, String kind, Format format) {
        try (Agents agents = ctl.reach()) {
            CreateTokenReply made = agents.callTokens(
                    PATIENCE,
                    stub -> stub.createToken(CreateTokenRequest.newBuilder()
                            .setTtlSeconds(seconds)
                            .build()));
            if (!made.getProblem().isEmpty()) {
                throw CtlException.refused(made.getProblem());
            }
            String command = "matriarch join " + kind + made.getToken();
            if (format.isPretty()) {
                ctl.terminal().print(command);
                ctl.terminal()
                        .complain("To be typed on the new host, as the agent's user, once, before "
                                + time(made.getExpires()) + ". To take it back: matriarchctl cluster token --revoke "
                                + made.getId());
            } else {
                Map<String, Object> document = new LinkedHashMap<>();
                document.put("cluster", agents.cluster().getScope());
                document.put("id", made.getId());
                document.put("token", made.getToken());
                document.put("command", command);
                document.put("expires", time(made.getExpires()));
                ctl.terminal().print(format.document(document));
            }
            return 0;
        }
    }

    private int list(Format format) {
        try (Agents agents = ctl.reach()) {
            ListTokensReply reply =
                    agents.callTokens(PATIENCE, stub -> stub.listTokens(ListTokensRequest.getDefaultInstance()));
            if (!reply.getProblem().isEmpty()) {
                throw CtlException.refused(reply.getProblem());
            }
            List<List<String>> rows =
                    reply.getTokensList().stream().map(ClusterCommand::row).toList();
            if (format.isPretty()) {
                new TextTable(" Tokens: " + reply.getScope() + " ", COLUMNS, rows)
                        .lines()
                        .forEach(ctl.terminal()::print);
            } else {
                format.lines(
                                COLUMNS.stream().map(TextTable.Column::title).toList(),
                                rows.stream().map(r -> List.<Object>copyOf(r)).toList())
                        .forEach(ctl.terminal()::print);
            }
            return 0;
        }
    }

    private static List<String> row(TokenRow t) {
        return List.of(
                t.getId(),
                t.getState(),
                t.getMadeBy(),
                time(t.getMade()),
                time(t.getExpires()),
                t.getUsedBy().isEmpty() ? "" : t.getUsedBy() + " at " + t.getUsedAddress(),
                time(t.getUsed()));
    }

    private static String time(long seconds) {
        return seconds == 0 ? "" : Instant.ofEpochSecond(seconds).toString();
    }

    private int revoke(String id, Format format) {
        try (Agents agents = ctl.reach()) {
            RevokeTokenReply reply = agents.callTokens(
                    PATIENCE,
                    stub -> stub.revokeToken(
                            RevokeTokenRequest.newBuilder().setId(id).build()));
            if (!reply.getDone()) {
                throw CtlException.refused(reply.getMessage());
            }
            if (format.isPretty()) {
                ctl.terminal().print(reply.getMessage());
            } else {
                Map<String, Object> document = new LinkedHashMap<>();
                document.put("cluster", agents.cluster().getScope());
                document.put("id", id);
                document.put("message", reply.getMessage());
                ctl.terminal().print(format.document(document));
            }
            return 0;
        }
    }
}
