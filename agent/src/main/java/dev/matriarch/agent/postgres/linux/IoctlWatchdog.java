package dev.matriarch.agent.postgres.linux;

import com.sun.jna.Function;
import com.sun.jna.LastErrorException;
import com.sun.jna.Memory;
import com.sun.jna.NativeLibrary;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.function.Supplier;

/** A watchdog device, through open, ioctl, write and close of the C library. Not thread-safe. */
public final class IoctlWatchdog implements WatchdogDevice {
    /** include/uapi/linux/watchdog.h */
    private static final int OPTION_SET_TIMEOUT = 0x0080;

    private static final int OPTION_MAGIC_CLOSE = 0x0100;
    private static final int INFO_SIZE = 40;

    private static final int WRITE_ONLY = 1;
    private static final int CLOSE_ON_EXEC = 0x80000;
    private static final int TEXT_SIZE = 32;

    private final Path path;
    private final NativeLibrary libc;
    private final int fd;

    private IoctlWatchdog(Path path, NativeLibrary libc, int fd) {
        this.path = path;
        this.libc = libc;
        this.fd = fd;
    }

    /** @param libraryDirectory where the native library is unpacked; must allow execution */
    public static WatchdogDevice open(Path path, Path libraryDirectory) throws IOException {
        try {
            NativeLibrary libc = Libc.open(libraryDirectory);
            int fd = call(
                    path + " cannot be opened",
                    () -> function(libc, "open").invokeInt(new Object[] {path.toString(), WRITE_ONLY | CLOSE_ON_EXEC}));
            return new IoctlWatchdog(path, libc, fd);
        } catch (LinkageError e) {
            throw new IOException(path + " cannot be used: the native library does not load from " + libraryDirectory
                    + ": " + e.getMessage());
        }
    }

    /**
     * The request number, as the kernel's _IOC macro makes it.
     *
     * @param architecture as in {@code os.arch}: PowerPC, MIPS and SPARC encode the direction otherwise
     */
    static int request(String architecture, boolean write, int number, int size) {
        boolean other = architecture.startsWith("ppc")
                || architecture.startsWith("powerpc")
                || architecture.startsWith("mips")
                || architecture.startsWith("sparc");
        int read = 2;
        int direction = read | (write ? (other ? 4 : 1) : 0);
        return direction << (other ? 29 : 30) | size << 16 | 'W' << 8 | number;
    }

    private static int request(boolean write, int number, int size) {
        return request(System.getProperty("os.arch"), write, number, size);
    }

    @Override
    public Support support() throws IOException {
        try (Memory info = new Memory(INFO_SIZE)) {
            info.clear();
            ioctl("does not say what it supports", request(false, 0, INFO_SIZE), info);
            int options = info.getInt(0);
            String identity = new String(info.getByteArray(8, TEXT_SIZE), StandardCharsets.UTF_8);
            int end = identity.indexOf(0);
            return new Support(
                    end < 0 ? identity : identity.substring(0, end),
                    (options & OPTION_SET_TIMEOUT) != 0,
                    (options & OPTION_MAGIC_CLOSE) != 0);
        }
    }

    @Override
    public void setTimeout(int seconds) throws IOException {
        try (Memory value = new Memory(Integer.BYTES)) {
            value.setInt(0, seconds);
            ioctl("does not take a time-out of " + seconds + " s", request(true, 6, Integer.BYTES), value);
        }
    }

    @Override
    public int timeout() throws IOException {
        try (Memory value = new Memory(Integer.BYTES)) {
            value.setInt(0, 0);
            ioctl("does not say its time-out", request(false, 7, Integer.BYTES), value);
            return value.getInt(0);
        }
    }

    @Override
    public void keepalive() throws IOException {
        write("1");
    }

    @Override
    public void stop() throws IOException {
        try {
            write("V");
        } finally {
            abandon();
        }
    }

    @Override
    public void abandon() throws IOException {
        call(path + " cannot be closed", () -> function(libc, "close").invokeInt(new Object[] {fd}));
    }

    private void write(String one) throws IOException {
        try (Memory text = new Memory(1)) {
            text.setByte(0, (byte) one.charAt(0));
            long written = call(path + " does not take a keepalive", () ->
                    (int) function(libc, "write").invokeLong(new Object[] {fd, text, 1L}));
            if (written != 1) {
                throw new IOException(path + " does not take a keepalive");
            }
        }
    }

    private void ioctl(String problem, int request, Memory argument) throws IOException {
        call(
                path + " " + problem,
                () -> function(libc, "ioctl").invokeInt(new Object[] {fd, Integer.toUnsignedLong(request), argument}));
    }

    private static Function function(NativeLibrary libc, String name) {
        return libc.getFunction(name, Function.THROW_LAST_ERROR);
    }

    private static int call(String problem, Supplier<Integer> function) throws IOException {
        try {
            int result = function.get();
            if (result < 0) {
                throw new IOException(problem);
            }
            return result;
        } catch (LastErrorException e) {
            throw new IOException(problem + ": " + reason(e.getErrorCode()), e);
        }
    }

    private static String reason(int error) {
        return NativeLibrary.getInstance("c").getFunction("strerror").invokeString(new Object[] {error}, false);
    }
}
