package dev.matriarch.agent.postgres.linux;

import com.sun.jna.NativeLibrary;
import java.nio.file.Path;

/** The way into the C library; JNA is loaded on the first call. */
final class Libc {
    private Libc() {}

    /** @param libraryDirectory where JNA's own library is unpacked; must allow execution */
    static NativeLibrary open(Path libraryDirectory) {
        System.setProperty("jna.tmpdir", libraryDirectory.toString());
        System.setProperty("jna.nosys", "true");
        return NativeLibrary.getInstance("c");
    }
}
