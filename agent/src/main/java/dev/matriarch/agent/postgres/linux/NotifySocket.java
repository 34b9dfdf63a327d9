package dev.matriarch.agent.postgres.linux;

import com.sun.jna.Function;
import com.sun.jna.Memory;
import com.sun.jna.NativeLibrary;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/**
 * Sends datagrams to a socket in the file system or in the abstract name space, which the JDK cannot. Any thread; never
 * waits for the receiver.
 */
public final class NotifySocket {
    private static final int AF_UNIX = 1;
    private static final int SOCK_DGRAM_CLOEXEC = 2 | 0x80000;
    private static final int MSG_DONTWAIT_NOSIGNAL = 0x40 | 0x4000;
    /** What {@code sun_path} holds. */
    private static final int LONGEST_NAME = 108;

    private final NativeLibrary libc;
    private final int socket;
    private final byte[] name;

    private NotifySocket(NativeLibrary libc, int socket, byte[] name) {
        this.libc = libc;
        this.socket = socket;
        this.name = name;
    }

    /**
     * @param address a path, or {@code @} and a name in the abstract name space
     * @param libraryDirectory where the native library is unpacked; must allow execution
     * @throws IOException if the address is of another kind or no socket can be had
     */
    public static NotifySocket open(String address, Path libraryDirectory) throws IOException {
        byte[] name = address.getBytes(StandardCharsets.UTF_8);
        boolean known = address.startsWith("/") || address.startsWith("@");
        if (!known || name.length < 2 || name.length >= LONGEST_NAME) {
            throw new IOException("'" + address + "' is no address of a Unix socket");
        }
        if (name[0] == '@') {
            name[0] = 0;
        }
        try {
            NativeLibrary libc = Libc.open(libraryDirectory);
            int socket = libc.getFunction("socket").invokeInt(new Object[] {AF_UNIX, SOCK_DGRAM_CLOEXEC, 0});
            if (socket < 0) {
                throw new IOException("the system gives no datagram socket");
            }
            return new NotifySocket(libc, socket, name);
        } catch (LinkageError e) {
            throw new IOException("native code cannot be loaded: " + e, e);
        }
    }

    /** False if nobody took it: there is no receiver, or it is too busy. */
    public boolean send(String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        boolean path = name[0] != 0;
        int length = Short.BYTES + name.length + (path ? 1 : 0);
        Function sendto = libc.getFunction("sendto");
        try (Memory address = new Memory(length);
                Memory message = new Memory(Math.max(bytes.length, 1))) {
            address.clear();
            address.setShort(0, (short) AF_UNIX);
            address.write(Short.BYTES, name, 0, name.length);
            message.write(0, bytes, 0, bytes.length);
            long sent = sendto.invokeLong(
                    new Object[] {socket, message, (long) bytes.length, MSG_DONTWAIT_NOSIGNAL, address, length});
            return sent == bytes.length;
        }
    }
}
