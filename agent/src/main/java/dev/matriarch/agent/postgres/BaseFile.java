package dev.matriarch.agent.postgres;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The configuration file that initdb or the user made. It is kept beside ours, which includes it first, unless the user
 * names another file for that.
 */
final class BaseFile {
    private static final Logger log = LoggerFactory.getLogger(BaseFile.class);

    private final ConfigPlaces places;
    private final String mark;
    private Optional<String> missing = Optional.empty();

    /** @param mark how files of our own begin */
    BaseFile(ConfigPlaces places, String mark) {
        this.places = places;
        this.mark = mark;
    }

    /** Before ours is written: what is there is moved out of the way, and nothing is lost. */
    void keep() throws IOException, PostgresException {
        if (places.apart()) {
            Files.createDirectories(places.directory());
            ConfigBackups.restore(places);
        }
        Path base = places.base();
        if (Files.exists(base)) {
            return;
        }
        Path ofInitdb = places.data().resolve("postgresql.conf");
        if (isNotOurs(places.main())) {
            Files.move(places.main(), base);
            DurableFile.syncDirectory(places.directory());
        } else if (!places.standard() && isNotOurs(ofInitdb)) {
            DurableFile.writeFor(places.data(), base, Files.readAllBytes(ofInitdb));
        } else {
            DurableFile.writeFor(places.data(), base, "");
        }
    }

    private boolean isNotOurs(Path file) throws IOException {
        return Files.exists(file)
                && !Files.readString(file, StandardCharsets.ISO_8859_1).startsWith(mark);
    }

    /** It says something of its own about this parameter. */
    boolean sets(String name) {
        try (Stream<String> lines = Files.lines(places.base(), StandardCharsets.ISO_8859_1)) {
            return lines.anyMatch(line -> line.strip().startsWith(name));
        } catch (IOException e) {
            return false;
        }
    }

    /** @param custom the user's own choice of a file; one that cannot be read is reported, once */
    String included(Optional<String> custom) {
        String base = places.base().getFileName().toString();
        if (custom.isEmpty() || Files.isReadable(places.directory().resolve(custom.get()))) {
            missing = Optional.empty();
            return custom.orElse(base);
        }
        if (!missing.equals(custom)) {
            missing = custom;
            log.error(
                    "The file {} (postgresql.custom_conf) cannot be read; {} is included instead",
                    places.directory().resolve(custom.get()),
                    base);
        }
        return base;
    }
}
