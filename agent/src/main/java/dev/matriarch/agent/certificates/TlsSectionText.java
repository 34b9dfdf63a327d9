package dev.matriarch.agent.certificates;

import dev.matriarch.agent.config.ConfigProblems;
import dev.matriarch.agent.config.NodeConfig;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFileAttributeView;
import java.nio.file.attribute.PosixFileAttributes;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Map;
import java.util.Set;

/**
 * A section {@code tls} at the end of a configuration file, or in a file of its own in a configuration directory. Written beside it first
 * and read back: what the file said before must still hold.
 */
final class TlsSectionText {
    private final Path draft;
    private final Path file;

    private TlsSectionText(Path draft, Path file) {
        this.draft = draft;
        this.file = file;
    }

    /** @throws IOException if it cannot be written; nothing was changed */
    static TlsSectionText prepared(Path configuration, Path directory, Map<String, String> environment)
            throws IOException {
        String section = "tls:\n  directory: '" + directory.toString().replace("'", "''") + "'\n";
        Path real = configuration.toRealPath();
        boolean many = Files.isDirectory(real);
        Path file = many ? real.resolve("tls.yml") : real;
        if (many && Files.exists(file)) {
            throw new IOException(file + " is there already, without a section tls. Add:\n" + section);
        }
        String before = many ? "" : Files.readString(file);
        Path draft = file.resolveSibling(file.getFileName() + ".new");
        Files.deleteIfExists(draft);
        try {
            String text = before + (before.isEmpty() || before.endsWith("\n") ? "" : "\n") + section;
            write(draft, text);
            makeAlike(draft, real);
            if (!many) {
                NodeConfig read = NodeConfig.load(draft, environment);
                if (read.tls().isEmpty() || !read.ownDirectory().equals(directory.toAbsolutePath())) {
                    throw new IOException("it is not read as it was written");
                }
            }
        } catch (IOException | ConfigProblems | UnsupportedOperationException e) {
            Files.deleteIfExists(draft);
            throw new IOException(
                    "the section tls cannot be added to " + file + " (" + e.getMessage()
                            + "). Add it yourself, and try again:\n" + section,
                    e);
        }
        return new TlsSectionText(draft, file);
    }

    /** Owner, group and permissions: the agent's user may be no more than one of the group. Links are not followed. */
    private static void makeAlike(Path draft, Path model) throws IOException {
        PosixFileAttributes wanted = Files.readAttributes(model, PosixFileAttributes.class);
        PosixFileAttributeView view =
                Files.getFileAttributeView(draft, PosixFileAttributeView.class, LinkOption.NOFOLLOW_LINKS);
        PosixFileAttributes present = view.readAttributes();
        if (!present.group().equals(wanted.group())) {
            view.setGroup(wanted.group());
        }
        if (!present.owner().equals(wanted.owner())) {
            view.setOwner(wanted.owner());
        }
        // A file of its own in a directory holds no secret.
        view.setPermissions(wanted.isDirectory() ? PosixFilePermissions.fromString("rw-r-----") : wanted.permissions());
    }

    private static void write(Path file, String text) throws IOException {
        try (FileChannel channel = FileChannel.open(
                file,
                Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE),
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")))) {
            ByteBuffer buffer = ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8));
            while (buffer.hasRemaining()) {
                channel.write(buffer);
            }
            channel.force(true);
        }
    }

    Path file() {
        return file;
    }

    void takeUp() throws IOException {
        Files.move(draft, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        try (FileChannel channel = FileChannel.open(file.getParent(), StandardOpenOption.READ)) {
            channel.force(true);
        }
    }

    /** The file stays as it was. */
    void discard() throws IOException {
        Files.deleteIfExists(draft);
    }
}
