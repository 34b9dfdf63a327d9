package dev.matriarch.ctl;

import java.io.Writer;
import java.util.function.Consumer;

/** Hands complete lines on. */
final class LineSink extends Writer {
    private final Consumer<String> lines;
    private final StringBuilder pending = new StringBuilder();

    LineSink(Consumer<String> lines) {
        this.lines = lines;
    }

    @Override
    public void write(char[] text, int offset, int length) {
        for (int i = offset; i < offset + length; i++) {
            if (text[i] == '\n') {
                lines.accept(pending.toString());
                pending.setLength(0);
            } else if (text[i] != '\r') {
                pending.append(text[i]);
            }
        }
    }

    @Override
    public void flush() {
        // Lines go out when they are complete.
    }

    @Override
    public void close() {
        if (!pending.isEmpty()) {
            lines.accept(pending.toString());
            pending.setLength(0);
        }
    }
}
