package dev.matriarch.ctl;

import dev.matriarch.proto.control.v1.MemberRow;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.OffsetDateTime;
import java.time.format.DateTimeFormatter;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

/** What cannot be done is said in a row, as scripts around Patroni expect it, and in the exit code. */
@Command(
        name = "query",
        description = {
            "Run SQL on a member's PostgreSQL: the leader's unless told otherwise.",
            "User, database and password are taken from PGUSER, PGDATABASE and PGPASSWORD or ~/.pgpass if they are not"
                    + " given."
        })
final class QueryCommand implements Callable<Integer> {
    private static final List<String> TROUBLE = List.of("Timestamp", "Message");

    @ParentCommand
    private Matriarchctl ctl;

    @Parameters(arity = "0..1", paramLabel = "CLUSTER")
    private String cluster;

    @Mixin
    private Chosen chosen;

    /** Gets its short name {@code -c} in {@link Matriarchctl#commandLine}. */
    @Option(names = "--command", paramLabel = "SQL", description = "What to run.")
    private String command;

    @Option(
            names = {"-f", "--file"},
            paramLabel = "FILE",
            description = "Run what is in this file; -: the standard input.")
    private String file;

    @Option(
            names = {"-o", "--format", "--output"},
            defaultValue = "tsv",
            description = "${COMPLETION-CANDIDATES}")
    private Format format;

    @Option(names = "--delimiter", paramLabel = "TEXT", description = "What stands between columns in tsv; a tab.")
    private String delimiter = "\t";

    @Option(
            names = {"-U", "--username"},
            paramLabel = "NAME",
            description = "Database user.")
    private String user;

    @Option(names = "--password", description = "Ask for the password.")
    private boolean askPassword;

    @Option(
            names = {"-d", "--dbname"},
            paramLabel = "NAME",
            description = "Database.")
    private String database;

    @Option(
            names = {"-w", "--watch"},
            paramLabel = "SECONDS",
            description = "Repeat.")
    private double watch;

    @Option(names = "-W", description = "Repeat every 2 seconds.")
    private boolean watchTwo;

    /** Replaced in tests. */
    static Sql sql = new Sql.OverJdbc();

    @Override
    public Integer call() throws InterruptedException {
        chosen.check();
        String text = text();
        Terminal terminal = ctl.terminal();
        String name = given(user, "PGUSER", System.getProperty("user.name"));
        String password = askPassword ? terminal.askSecret("Password") : terminal.environment("PGPASSWORD");
        Sql.Login login = new Sql.Login(name, password, given(database, "PGDATABASE", name));
        double seconds = watchTwo ? 2 : watch;
        while (true) {
            int code = once(login, text);
            if (seconds <= 0 || terminal.isGone()) {
                return code;
            }
            TimeUnit.MILLISECONDS.sleep(Math.round(seconds * 1000));
        }
    }

    private String text() {
        if (command != null && file != null) {
            throw CtlException.usage("--file and --command are mutually exclusive options");
        }
        if (command == null && file == null) {
            throw CtlException.usage("You need to specify either --command or --file");
        }
        if (command != null) {
            return command;
        }
        try {
            return file.equals("-") ? ctl.terminal().rest() : Files.readString(Path.of(file));
        } catch (IOException e) {
            throw CtlException.refused("cannot read " + file + ": " + e);
        }
    }

    private String given(String option, String variable, String otherwise) {
        if (option != null) {
            return option;
        }
        String value = ctl.terminal().environment(variable);
        return value.isEmpty() ? otherwise : value;
    }

    private int once(Sql.Login login, String text) {
        List<MemberRow> members;
        try (Agents agents = ctl.reach(cluster)) {
            members = chosen.among(agents.cluster());
        }
        if (members.isEmpty()) {
            return trouble(noConnection());
        }
        MemberRow member = Chosen.any(members);
        return switch (sql.run(member, login, text, recovery(member))) {
            case Sql.Rows(List<String> titles, List<List<Object>> rows) -> {
                print(titles, rows);
                yield 0;
            }
            case Sql.NoConnection(String why) -> {
                ctl.terminal().complain(member.getName() + ": " + why);
                yield trouble(noConnection());
            }
            case Sql.Failed(String state, String why) -> {
                ctl.terminal().complain(member.getName() + ": " + why);
                yield trouble("ERROR, SQLSTATE: " + state);
            }
        };
    }

    /** What the server must say of itself, lest a statement goes to one whose role has just changed. */
    private Sql.Recovery recovery(MemberRow member) {
        if (chosen.member() != null) {
            return Sql.Recovery.EITHER;
        }
        return switch (chosen.role()) {
            case PRIMARY -> Sql.Recovery.NO;
            case LEADER -> member.getRole().equals("leader") ? Sql.Recovery.NO : Sql.Recovery.EITHER;
            case REPLICA, STANDBY, STANDBY_LEADER -> Sql.Recovery.YES;
            case ANY -> Sql.Recovery.EITHER;
        };
    }

    private String noConnection() {
        if (chosen.member() != null) {
            return "No connection to member " + chosen.member() + " is available";
        }
        return chosen.role() == Role.ANY
                ? "No connection is available"
                : "No connection to role " + chosen.role() + " is available";
    }

    private int trouble(String message) {
        String now =
                OffsetDateTime.now().truncatedTo(ChronoUnit.SECONDS).format(DateTimeFormatter.ISO_OFFSET_DATE_TIME);
        List<List<Object>> row = List.of(List.of(now, message));
        if (format == Format.tsv) {
            ctl.terminal().print(now + delimiter + message);
        } else {
            print(TROUBLE, row);
        }
        return CtlException.REFUSED;
    }

    private void print(List<String> titles, List<List<Object>> rows) {
        if (titles.isEmpty()) {
            if (format != Format.tsv && !format.isPretty()) {
                // No rows are a document too.
                ctl.terminal().print(format.document(List.of()));
            }
            return;
        }
        Terminal terminal = ctl.terminal();
        if (format == Format.tsv) {
            terminal.print(String.join(delimiter, titles));
            rows.forEach(r -> terminal.print(
                    String.join(delimiter, r.stream().map(String::valueOf).toList())));
        } else if (format.isPretty()) {
            new TextTable(
                            "",
                            titles.stream()
                                    .map(t -> new TextTable.Column(t, false))
                                    .toList(),
                            rows.stream()
                                    .map(r -> r.stream().map(String::valueOf).toList())
                                    .toList())
                    .lines()
                    .forEach(terminal::print);
        } else {
            format.lines(titles, rows).forEach(terminal::print);
        }
    }
}
