package dev.matriarch.agent.postgres;

import dev.matriarch.agent.config.BootstrapConfig;
import dev.matriarch.agent.config.PostgresConfig;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.LongSupplier;

/**
 * The first server of a new cluster: its data directory, and what is put into it before anybody else sees it. Called by the
 * thread that acts, one call at a time; all calls block, and interrupting the thread ends them.
 */
public final class FirstServer {
    private static final String UNHURRIED = "-c synchronous_commit=local -c statement_timeout=0";

    private final PostgresConfig config;
    private final DataDirectory data;
    private final Cloning cloning;
    private final CustomBootstrap custom;
    private final OperatorCommand command;
    private final Connections connections;
    private final Postmaster postmaster;

    FirstServer(
            PostgresConfig config,
            DataDirectory data,
            Cloning cloning,
            CustomBootstrap custom,
            OperatorCommand command,
            Connections connections,
            Postmaster postmaster) {
        this.config = config;
        this.data = data;
        this.cloning = cloning;
        this.custom = custom;
        this.command = command;
        this.connections = connections;
        this.postmaster = postmaster;
    }

    /** @throws PostgresException if something is there: it was left as it is */
    public void requireEmpty() throws PostgresException {
        data.requireEmpty("new cluster");
    }

    /**
     * Makes the data directory, by initdb or by the configured method, and leaves it shut down.
     *
     * @param parameters for a server that has to recover first
     * @param notAfter asked just before such a server starts: up to which hundredth of a second of uptime it may
     */
    public void make(BootstrapConfig bootstrap, Map<String, String> parameters, LongSupplier notAfter, Duration timeout)
            throws PostgresException {
        if (bootstrap.method().isPresent()) {
            custom.run(bootstrap.method().get(), parameters, notAfter, Deadline.in(timeout));
        } else {
            cloning.initdb(bootstrap, Deadline.in(timeout));
        }
    }

    /** Runs {@code post_bootstrap} and creates the roles on a running primary; roles that exist are altered. */
    public void fill(BootstrapConfig bootstrap, Duration timeout) throws PostgresException {
        Deadline deadline = Deadline.in(timeout);
        if (!bootstrap.postBootstrap().isEmpty()) {
            List<String> words = new ArrayList<>(bootstrap.postBootstrap());
            words.add(url());
            String program = bootstrap.postBootstrap().getFirst();
            Child.Result result =
                    command.run("post_bootstrap", words, config.pgpass(), UNHURRIED, deadline, line -> {});
            if (result.exitCode() != 0) {
                throw new PostgresException("post_init script " + program + " returned non-zero code "
                        + result.exitCode() + ": " + result.lastLines());
            }
        }
        Roles.create(connections, config, bootstrap, Deadline.in(Duration.ofMinutes(2)));
    }

    /** Where the superuser reaches the server; the password is in the file that PGPASSFILE names. */
    private String url() {
        String user = URLEncoder.encode(config.superuser().username(), StandardCharsets.UTF_8)
                .replace("+", "%20");
        Optional<LocalSocket.Place> socket = LocalSocket.of(config);
        if (socket.isPresent()) {
            return "postgres://" + user + "@:" + socket.get().port()
                    + config.places().databasePath() + "?host="
                    + URLEncoder.encode(socket.get().directory().toString(), StandardCharsets.UTF_8)
                            .replace("+", "%20");
        }
        String host = config.localHost();
        return "postgres://" + user + "@" + (host.indexOf(':') >= 0 ? "[" + host + "]" : host) + ":" + config.port()
                + config.places().databasePath();
    }

    /**
     * Moves what a failed attempt left to {@code NAME.failed}; nothing is deleted.
     *
     * @return a sentence that says where it is now
     */
    public String giveUp(String why) {
        try {
            command.endLeftover();
            if (postmaster.current().isPresent()) {
                postmaster.kill(Deadline.in(Duration.ofSeconds(10)));
            }
            if (data.isEmpty()) {
                data.markFinished();
                return "Nothing was left in " + data.path() + ".";
            }
            Path moved = data.setAsideFailed(why);
            return "The data directory was moved to " + moved + ".";
        } catch (PostgresException e) {
            return e.getMessage() + " Empty " + data.path() + " before the next attempt.";
        }
    }
}
