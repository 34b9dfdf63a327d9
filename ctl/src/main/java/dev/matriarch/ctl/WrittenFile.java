package dev.matriarch.ctl;

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
import java.util.function.Consumer;

/** A file that others read: they see all of the old content or all of the new, also after a crash. */
final class WrittenFile {
    private final Path path;

    /** @param path where it is, or the link to it, which stays a link */
    WrittenFile(Path path) {
        try {
            this.path = Files.isSymbolicLink(path) ? path.toRealPath() : path.toAbsolutePath();
        } catch (IOException e) {
            throw CtlException.refused(path + " leads nowhere: " + e);
        }
    }

    boolean holds(String text) {
        try {
            return Files.exists(path) && Files.readString(path).equals(text);
        } catch (java.nio.charset.CharacterCodingException somethingElse) {
            return false;
        } catch (IOException e) {
            throw CtlException.refused(path + " cannot be read: " + e);
        }
    }

    /**
     * Takes the place of the old file, with its owner and mode; a new one gets mode 0644.
     *
     * @param judge sees the new file before, under another name; what it throws leaves the old one as it is
     */
    void replace(String text, Consumer<Path> judge) {
        try {
            // In the same directory: a rename does not cross volumes, and what judges it may follow relative names.
            Path next = Files.createTempFile(path.getParent(), "." + path.getFileName() + ".", ".new");
            try {
                try (FileChannel channel = FileChannel.open(next, StandardOpenOption.WRITE)) {
                    ByteBuffer bytes = ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8));
                    while (bytes.hasRemaining()) {
                        channel.write(bytes);
                    }
                    channel.force(true);
                }
                likeTheOld(next);
                judge.accept(next);
                Files.move(next, path, StandardCopyOption.ATOMIC_MOVE);
            } finally {
                Files.deleteIfExists(next);
            }
            try (FileChannel directory = FileChannel.open(path.getParent())) {
                directory.force(true);
            }
        } catch (IOException e) {
            throw CtlException.refused(path + " cannot be written: " + e);
        }
    }

    private void likeTheOld(Path next) throws IOException {
        PosixFileAttributeView view = Files.getFileAttributeView(next, PosixFileAttributeView.class);
        if (!Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
            view.setPermissions(PosixFilePermissions.fromString("rw-r--r--"));
            return;
        }
        PosixFileAttributes old = Files.readAttributes(path, PosixFileAttributes.class);
        PosixFileAttributes now = view.readAttributes();
        if (!old.group().equals(now.group())) {
            view.setGroup(old.group());
        }
        if (!old.owner().equals(now.owner())) {
            view.setOwner(old.owner());
        }
        view.setPermissions(old.permissions());
    }

    @Override
    public String toString() {
        return path.toString();
    }
}
