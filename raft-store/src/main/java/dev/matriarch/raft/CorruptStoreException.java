package dev.matriarch.raft;

import java.io.IOException;
import java.nio.file.Path;

/** A file of the store cannot be trusted. */
final class CorruptStoreException extends IOException {
    private static final long serialVersionUID = 1L;

    private final transient Path file;

    CorruptStoreException(Path file, String message, Throwable cause) {
        super(message, cause);
        this.file = file;
    }

    Path file() {
        return file;
    }
}
