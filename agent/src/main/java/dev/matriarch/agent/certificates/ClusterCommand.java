package dev.matriarch.agent.certificates;

import dev.matriarch.agent.config.ConfigProblems;
import dev.matriarch.tls.authority.CertificateAuthority;
import dev.matriarch.tls.authority.Fingerprint;
import java.io.IOException;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.Writer;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** What {@code matriarch cluster} does on this host's files. Exit codes: 0 done, 1 refused, 2 wrong usage or bad configuration. */
@Command(
        name = "matriarch cluster",
        synopsisSubcommandLabel = "COMMAND",
        description = "Makes certificates of the cluster's own authority on this host.")
public final class ClusterCommand {
    private static final int REFUSED = 1;
    private static final int BAD_CONFIGURATION = 2;

    @Option(
            names = {"-h", "--help"},
            usageHelp = true,
            scope = CommandLine.ScopeType.INHERIT,
            description = "Show this help.")
    private boolean help;

    private final Map<String, String> environment;
    private final PrintStream out;
    private final PrintStream err;

    private ClusterCommand(Map<String, String> environment, PrintStream out, PrintStream err) {
        this.environment = environment;
        this.out = out;
        this.err = err;
    }

    /**
     * @param arguments after the word {@code cluster}
     * @return the exit code
     */
    public static int run(String[] arguments, Map<String, String> environment, PrintStream out, PrintStream err) {
        CommandLine line = new CommandLine(new ClusterCommand(environment, out, err));
        line.setOut(new PrintWriter(out, true));
        line.setErr(new PrintWriter(err, true));
        line.setExecutionExceptionHandler((failure, command, parsed) -> {
            err.println("matriarch: " + (failure instanceof IOException ? failure.getMessage() : failure.toString()));
            return REFUSED;
        });
        return line.execute(arguments);
    }

    @Command(
            name = "init",
            description = {
                "Make an authority, and this node's certificate of it, and add a section tls to FILE if it has none.",
                "On the first node of a cluster, as the agent's user, before its agent starts."
            })
    int init(
            @Option(
                            names = "--authority",
                            paramLabel = "PEM",
                            description =
                                    "For a further node: the first one's authority.pem. No other authority is made then.")
                    Path authority,
            @Parameters(paramLabel = "FILE", description = "The agent's configuration.") Path file)
            throws IOException {
        try {
            new ClusterInit(environment, out).run(file, Optional.ofNullable(authority), Instant.now());
            return 0;
        } catch (ConfigProblems problems) {
            err.println(problems.getMessage());
            return BAD_CONFIGURATION;
        }
    }

    @Command(
            name = "authority",
            description = {
                "Make an authority and write it, with its key, to FILE, which must not exist; - writes to the standard output.",
                "For nodes that are given it as tls.authority, such as containers. Whoever reads it can make certificates of the cluster."
            })
    int authority(
            @Option(
                            names = "--scope",
                            paramLabel = "NAME",
                            defaultValue = "matriarch",
                            description = "The cluster's name, for people; ${DEFAULT-VALUE} if not given.")
                    String scope,
            @Parameters(paramLabel = "FILE", description = "Readable for its owner only.") String file)
            throws IOException {
        CertificateAuthority made = CertificateAuthority.create(scope, Instant.now());
        if (file.equals("-")) {
            out.print(made.pem());
            out.flush();
            return 0;
        }
        Path path = Path.of(file);
        try (Writer writer = Channels.newWriter(
                FileChannel.open(
                        path,
                        Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE),
                        PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"))),
                StandardCharsets.US_ASCII)) {
            writer.write(made.pem());
        } catch (FileAlreadyExistsException e) {
            throw new IOException(path + " exists already and was not changed", e);
        } catch (NoSuchFileException e) {
            throw new IOException(path + " cannot be written: there is no such folder", e);
        }
        out.println("SHA-256 of the authority: " + Fingerprint.of(made.certificate()));
        return 0;
    }
}
