package dev.matriarch.ctl;

import java.io.IOException;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jline.terminal.Attributes;
import org.jline.terminal.TerminalBuilder;
import org.jline.utils.InfoCmp.Capability;
import org.jline.utils.NonBlockingReader;

/**
 * Shows a picture again and again: on the alternate screen of a terminal until somebody presses q, else as plain lines.
 *
 * <p>However it ends, by a key, an error, ctrl-C or SIGTERM, the terminal is as it was before. For one thread; the JVM's
 * end may close it from another.
 */
final class Screen implements AutoCloseable {
    private static final int CTRL_C = 3;
    private static final int CTRL_D = 4;

    /** @param width in columns, {@code height} in lines; 0: it does not matter */
    record Size(int width, int height) {
        static final Size ANY = new Size(0, 0);
    }

    interface Picture {
        List<String> lines(Size size);
    }

    private final Terminal person;
    /** Null: lines are printed one below the other. */
    private final org.jline.terminal.Terminal tty;

    private final Attributes before;
    private final AtomicBoolean restored = new AtomicBoolean();
    private final Thread atTheEnd = new Thread(this::restore, "screen");

    private Screen(Terminal person, org.jline.terminal.Terminal tty) {
        this.person = person;
        this.tty = tty;
        if (tty == null) {
            before = null;
            return;
        }
        Runtime.getRuntime().addShutdownHook(atTheEnd);
        before = tty.enterRawMode();
        tty.puts(Capability.enter_ca_mode);
        tty.puts(Capability.cursor_invisible);
        tty.flush();
    }

    static Screen open(Terminal person) {
        if (!person.isInteractive()) {
            return new Screen(person, null);
        }
        // stty does what is needed: a native library would have to be unpacked somewhere.
        System.setProperty("org.jline.terminal.provider", "exec");
        try {
            // Signals are left to the JVM, which then runs what restores the terminal.
            org.jline.terminal.Terminal tty = TerminalBuilder.builder()
                    .system(true)
                    .dumb(false)
                    .nativeSignals(false)
                    .build();
            return new Screen(person, tty);
        } catch (IOException | IllegalStateException e) {
            return new Screen(person, null);
        }
    }

    /** Never on the alternate screen. */
    static Screen ofLines(Terminal person) {
        return new Screen(person, null);
    }

    /** @param count how many pictures; 0: until somebody ends it */
    void repeat(double seconds, int count, Picture picture) throws InterruptedException {
        long pause = Math.max(100, Math.round(seconds * 1000));
        for (int shown = 0; count <= 0 || shown < count; shown++) {
            if (tty == null) {
                picture.lines(Size.ANY).forEach(person::print);
                if (person.isGone()) {
                    return;
                }
            } else {
                draw(picture.lines(size()));
            }
            boolean last = count > 0 && shown == count - 1;
            if (!last && ended(pause)) {
                return;
            }
        }
    }

    private Size size() {
        return new Size(Math.max(0, tty.getWidth()), Math.max(0, tty.getHeight()));
    }

    private void draw(List<String> lines) {
        Size size = size();
        tty.puts(Capability.cursor_home);
        for (int i = 0; i < lines.size() && (size.height() == 0 || i < size.height()); i++) {
            String line = lines.get(i);
            tty.writer().print(i == 0 ? "" : "\r\n");
            tty.writer()
                    .print(size.width() > 0 && line.length() > size.width() ? line.substring(0, size.width()) : line);
            tty.puts(Capability.clr_eol);
        }
        tty.puts(Capability.clr_eos);
        tty.flush();
    }

    /** Waits; true if somebody wants no more. */
    private boolean ended(long millis) throws InterruptedException {
        if (tty == null) {
            TimeUnit.MILLISECONDS.sleep(millis);
            return false;
        }
        long end = System.nanoTime() + millis * 1_000_000;
        try {
            while (true) {
                long left = (end - System.nanoTime()) / 1_000_000;
                if (left <= 0) {
                    return false;
                }
                int key = tty.reader().read(left);
                if (key == 'q' || key == 'Q' || key == CTRL_C || key == CTRL_D || key == NonBlockingReader.EOF) {
                    return true;
                }
            }
        } catch (IOException gone) {
            return true;
        }
    }

    private void restore() {
        if (tty == null || restored.getAndSet(true)) {
            return;
        }
        tty.puts(Capability.cursor_normal);
        tty.puts(Capability.exit_ca_mode);
        tty.flush();
        tty.setAttributes(before);
    }

    @Override
    public void close() {
        if (tty == null) {
            return;
        }
        restore();
        try {
            Runtime.getRuntime().removeShutdownHook(atTheEnd);
        } catch (IllegalStateException ending) {
            // The JVM ends already, and the hook has done its work or is about to.
            return;
        }
        try {
            tty.close();
        } catch (IOException e) {
            person.complain("the terminal could not be closed: " + e.getMessage());
        }
    }
}
