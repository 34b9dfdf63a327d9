package dev.matriarch.agent.postgres;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Which parameters PostgreSQL does not know or does not take with their value. One of these would keep the server from
 * starting, and from taking up anything else at a reload. No table of versions: the installed program reads the file
 * itself, with {@code postgres -C}, which neither starts a server nor touches a running one.
 *
 * <p>Not thread-safe.
 */
final class ParameterJudge {
    private static final Logger LOG = LoggerFactory.getLogger(ParameterJudge.class);
    private static final Duration PATIENCE = Duration.ofSeconds(5);
    private static final Pattern NAMED = Pattern.compile("parameter \"([^\"]+)\"");

    /** What would be written. */
    interface Text {
        /** @param leftOut names, in lower case */
        String without(Set<String> leftOut) throws PostgresException;
    }

    private final Binaries binaries;
    private final ConfigPlaces places;
    private Optional<Map<String, String>> judged = Optional.empty();
    private Set<String> rejected = Set.of();

    ParameterJudge(Binaries binaries, ConfigPlaces places) {
        this.binaries = binaries;
        this.places = places;
    }

    /**
     * Asks only if the parameters are other ones than the last time.
     *
     * @param parameters those of the user
     * @param text the whole file
     * @return names in lower case; each was reported in the log
     */
    Set<String> rejected(Map<String, String> parameters, Text text) throws PostgresException {
        if (judged.filter(parameters::equals).isPresent()) {
            return rejected;
        }
        Set<String> names = new TreeSet<>();
        parameters.keySet().forEach(n -> names.add(n.toLowerCase(Locale.ROOT)));
        Set<String> out = new LinkedHashSet<>();
        boolean more = true;
        while (more) {
            more = false;
            for (String complaint : complaints(text.without(out))) {
                Matcher named = NAMED.matcher(complaint);
                while (named.find()) {
                    String name = named.group(1).toLowerCase(Locale.ROOT);
                    if (names.contains(name) && out.add(name)) {
                        LOG.warn("The PostgreSQL parameter {} was left out: {}", name, complaint);
                        more = true;
                    }
                }
            }
        }
        judged = Optional.of(Map.copyOf(parameters));
        rejected = Set.copyOf(out);
        return rejected;
    }

    private List<String> complaints(String text) throws PostgresException {
        Path file = places.directory().resolve(places.main().getFileName() + ".judged");
        try {
            DurableFile.write(file, text);
            Child.Result result = Child.of(List.of(
                            binaries.path("postgres"),
                            "-C",
                            "data_directory",
                            "-D",
                            places.data().toString(),
                            "--config-file=" + file))
                    .run(Deadline.in(PATIENCE));
            return result.exitCode() == 0
                    ? List.of()
                    : result.output()
                            .lines()
                            .map(l -> l.replaceFirst("^.*?(LOG|FATAL|ERROR): +", "")
                                    .replaceFirst(" in file \".*", ""))
                            .toList();
        } catch (PostgresException e) {
            LOG.warn("The PostgreSQL parameters could not be checked: {}", e.getMessage());
            return List.of();
        } catch (IOException e) {
            throw new PostgresException("The file " + file + " cannot be written: " + e, e);
        } finally {
            try {
                Files.deleteIfExists(file);
            } catch (IOException e) {
                LOG.warn("The file {} cannot be removed: {}", file, e.toString());
            }
        }
    }
}
