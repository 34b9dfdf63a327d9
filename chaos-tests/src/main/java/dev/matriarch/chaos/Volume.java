package dev.matriarch.chaos;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** A small file system of its own in a file: it can run full, and it can stop taking writes. Needs root. */
public final class Volume implements AutoCloseable {
    private static final Duration QUICK = Duration.ofSeconds(20);

    private final Path image;
    private final Path mount;
    private final Path directory;
    private int fillers;

    private Volume(Path directory) {
        this.directory = directory;
        this.image = directory.resolveSibling(directory.getFileName() + ".img");
        this.mount = directory.resolveSibling(directory.getFileName() + ".volume");
    }

    /** Mounts it over the directory, with the directory's owner and mode; empty if this machine does not let us. */
    public static Optional<Volume> over(Path directory, int megabytes) {
        Volume volume = new Volume(directory);
        try {
            Object owner = Files.getAttribute(directory, "unix:uid", LinkOption.NOFOLLOW_LINKS);
            Object group = Files.getAttribute(directory, "unix:gid", LinkOption.NOFOLLOW_LINKS);
            // A folder of it, as is good practice: the volume's own top holds lost+found, and here the filler.
            Path inside = volume.mount.resolve("data");
            boolean mounted = run("truncate", "-s", megabytes + "M", volume.image.toString())
                    && run("mkfs.ext4", "-q", "-m", "0", volume.image.toString())
                    && run("mkdir", volume.mount.toString())
                    && run("mount", "-o", "loop", volume.image.toString(), volume.mount.toString())
                    && run("mkdir", "-m", "700", inside.toString())
                    && run("chown", owner + ":" + group, inside.toString())
                    && run("mount", "--bind", inside.toString(), directory.toString());
            if (!mounted) {
                volume.close();
                return Optional.empty();
            }
            return Optional.of(volume);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static boolean run(String... command) {
        try {
            return Commands.run(QUICK, Map.of(), List.of(command)).exitCode() == 0;
        } catch (UncheckedIOException notInstalled) {
            return false;
        }
    }

    private static void must(String... command) {
        Commands.run(QUICK, Map.of(), List.of(command)).expectSuccess();
    }

    /** From now on whoever writes to it hangs, beyond the reach of signals, until {@link #thaw}. */
    public void freeze() {
        must("fsfreeze", "--freeze", mount.toString());
    }

    public void thaw() {
        must("fsfreeze", "--unfreeze", mount.toString());
    }

    /** Takes all free space but this. */
    public void fill(int megabytesLeft) {
        try {
            long free = Files.getFileStore(mount).getUsableSpace() / (1 << 20);
            must(
                    "fallocate",
                    "-l",
                    Math.max(1, free - megabytesLeft) + "M",
                    mount.resolve("filler-" + ++fillers).toString());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Gives the space back. */
    public void drain() {
        for (; fillers > 0; fillers--) {
            must("rm", "-f", mount.resolve("filler-" + fillers).toString());
        }
    }

    /** Nobody may use it any more. */
    @Override
    public void close() {
        run("fsfreeze", "--unfreeze", mount.toString());
        for (Path mounted : List.of(directory, mount)) {
            if (!run("umount", mounted.toString())) {
                run("umount", "--lazy", mounted.toString());
            }
        }
        run("rmdir", mount.toString());
        run("rm", "-f", image.toString());
    }
}
