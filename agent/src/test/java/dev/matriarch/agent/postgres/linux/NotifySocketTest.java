package dev.matriarch.agent.postgres.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.jna.Memory;
import com.sun.jna.NativeLibrary;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NotifySocketTest {
    @TempDir
    Path dir;

    @Test
    void datagramsArriveAtAPath() throws IOException {
        String address = dir.resolve("notify").toString();
        int receiver = bind(address.getBytes(StandardCharsets.UTF_8));
        NotifySocket socket = NotifySocket.open(address, dir);
        assertTrue(socket.send("READY=1\nSTATUS=no action. I am (pg1), a réplica"));
        assertTrue(socket.send("STOPPING=1"));
        assertEquals("READY=1\nSTATUS=no action. I am (pg1), a réplica", receive(receiver));
        assertEquals("STOPPING=1", receive(receiver));
    }

    @Test
    void datagramsArriveAtAnAbstractName() throws IOException {
        String name = "matriarch-test-" + ProcessHandle.current().pid();
        int receiver = bind(("\0" + name).getBytes(StandardCharsets.UTF_8));
        assertTrue(NotifySocket.open("@" + name, dir).send("WATCHDOG=1"));
        assertEquals("WATCHDOG=1", receive(receiver));
    }

    @Test
    void nobodyIsWaitedFor() throws IOException {
        assertFalse(NotifySocket.open(dir.resolve("nobody").toString(), dir).send("READY=1"));
        String address = dir.resolve("deaf").toString();
        bind(address.getBytes(StandardCharsets.UTF_8));
        NotifySocket socket = NotifySocket.open(address, dir);
        int taken = 0;
        while (taken < 100_000 && socket.send("WATCHDOG=1")) {
            taken++;
        }
        assertTrue(taken < 100_000, "a full queue must refuse, not block");
    }

    @Test
    void otherKindsOfAddressesAreRefused() {
        assertThrows(IOException.class, () -> NotifySocket.open("vsock:2:1234", dir));
        assertThrows(IOException.class, () -> NotifySocket.open("/" + "x".repeat(120), dir));
    }

    private int bind(byte[] name) {
        NativeLibrary libc = Libc.open(dir);
        int fd = libc.getFunction("socket").invokeInt(new Object[] {1, 2, 0});
        int length = 2 + name.length + (name[0] == 0 ? 0 : 1);
        try (Memory address = new Memory(length)) {
            address.clear();
            address.setShort(0, (short) 1);
            address.write(2, name, 0, name.length);
            assertEquals(0, libc.getFunction("bind").invokeInt(new Object[] {fd, address, length}));
        }
        return fd;
    }

    private String receive(int fd) {
        try (Memory buffer = new Memory(1000)) {
            long got = Libc.open(dir).getFunction("recv").invokeLong(new Object[] {fd, buffer, 1000L, 0x40});
            return new String(buffer.getByteArray(0, (int) got), StandardCharsets.UTF_8);
        }
    }
}
