package dev.matriarch.agent.join;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFileAttributeView;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/** The files of a host that is to become a member: nothing that is there is overwritten. */
final class NewHost {
    private NewHost() {}

    /** @return why the host cannot be used as it is; empty: it can */
    static Optional<String> objection(Path configuration, List<Path> directories) throws IOException {
        if (Files.exists(configuration, LinkOption.NOFOLLOW_LINKS)) {
            return Optional.of(configuration
                    + " exists already and was not changed; move it aside, or name another file" + " with --config");
        }
        for (Path directory : directories) {
            if (!isEmpty(directory)) {
                return Optional.of(
                        directory + " holds files already, and was not changed: they may be of another cluster"
                                + " or of a member that was here before. Move it aside, or name another place with --dir");
            }
        }
        return Optional.empty();
    }

    private static boolean isEmpty(Path directory) throws IOException {
        try (Stream<Path> entries = Files.list(directory)) {
            return entries.findAny().isEmpty();
        } catch (NoSuchFileException e) {
            return true;
        } catch (NotDirectoryException e) {
            return false;
        }
    }

    /**
     * A configuration that is being written: readable by its owner only from the first moment on, under its own name only when it
     * is complete.
     */
    static final class Draft implements AutoCloseable {
        private final Path file;
        private final Path draft;
        private boolean done;

        /** @throws IOException if nothing can be written there; nothing was changed then */
        Draft(Path file) throws IOException {
            this.file = file;
            this.draft = file.resolveSibling(file.getFileName() + ".joining");
            Path parent = file.getParent();
            if (!Files.isDirectory(parent)) {
                Path above = parent;
                while (!Files.isDirectory(above)) {
                    above = above.getParent();
                }
                Files.createDirectories(
                        parent, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
                give(parent, above);
            }
            try {
                Files.createFile(
                        draft, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
            } catch (FileAlreadyExistsException e) {
                throw new IOException(
                        draft + " is there: another join is under way, or was cut off. Remove it if it was", e);
            }
            give(draft, parent);
        }

        /** Whoever is root gives what he makes to the owner of the directory that it is made in. */
        private static void give(Path made, Path model) throws IOException {
            if (!Files.getOwner(made, LinkOption.NOFOLLOW_LINKS).equals(Files.getOwner(model))) {
                try {
                    Files.getFileAttributeView(made, PosixFileAttributeView.class, LinkOption.NOFOLLOW_LINKS)
                            .setOwner(Files.getOwner(model));
                } catch (IOException e) {
                    // Only root may; it belongs to whoever runs this then, who is the agent's user.
                    return;
                }
            }
        }

        /** On the disk when it returns. */
        void complete(String text) throws IOException {
            try (FileChannel channel =
                    FileChannel.open(draft, Set.of(StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS))) {
                ByteBuffer buffer = ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8));
                while (buffer.hasRemaining()) {
                    channel.write(buffer);
                }
                channel.force(true);
            }
            // A link, and not a rename: that would replace a file that came there meanwhile.
            Files.createLink(file, draft);
            done = true;
            Files.delete(draft);
            try (FileChannel directory = FileChannel.open(file.getParent(), StandardOpenOption.READ)) {
                directory.force(true);
            }
        }

        /** Removes it, unless it is complete. */
        @Override
        public void close() throws IOException {
            if (!done) {
                Files.deleteIfExists(draft);
            }
        }
    }
}
