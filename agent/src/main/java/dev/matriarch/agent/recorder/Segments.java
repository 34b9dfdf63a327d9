package dev.matriarch.agent.recorder;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** Numbered files in one directory that together stay below a size: the oldest goes first. For one thread. */
final class Segments implements AutoCloseable {
    private static final Pattern NAME = Pattern.compile("flight-(\\d{1,12})\\.jsonl");
    private static final int COUNT = 8;

    private final Path directory;
    private final long limit;
    private final byte[] header;
    private FileChannel out;
    private long number;
    private long written;

    /**
     * @param size of all files together, in bytes
     * @param header first line of each file and of each start
     */
    Segments(Path directory, long size, String header) {
        this.directory = directory;
        this.limit = Math.max(1, size / COUNT);
        this.header = (header + "\n").getBytes(StandardCharsets.UTF_8);
    }

    /** The files of a recording, oldest first. */
    static List<Path> files(Path directory) throws IOException {
        try (Stream<Path> all = Files.list(directory)) {
            return new ArrayList<>(
                    all.filter(p -> NAME.matcher(p.getFileName().toString()).matches())
                            .sorted(java.util.Comparator.comparingLong(Segments::number))
                            .toList());
        }
    }

    private static long number(Path file) {
        var name = NAME.matcher(file.getFileName().toString());
        return name.matches() ? Long.parseLong(name.group(1)) : 0;
    }

    void write(byte[] line) throws IOException {
        if (out == null) {
            open();
        } else if (written + line.length > limit && written > header.length) {
            close();
            create(number + 1);
        }
        append(line);
    }

    private void open() throws IOException {
        Files.createDirectories(
                directory, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        List<Path> present = files(directory);
        long last = present.isEmpty() ? 0 : number(present.getLast());
        if (last == 0 || Files.size(present.getLast()) >= limit) {
            create(last + 1);
            return;
        }
        number = last;
        out = FileChannel.open(present.getLast(), StandardOpenOption.READ, StandardOpenOption.WRITE);
        written = out.size();
        // What was cut short by a crash must not swallow the next line.
        ByteBuffer end = ByteBuffer.allocate(1);
        boolean whole = written == 0 || out.read(end, written - 1) == 1 && end.get(0) == '\n';
        out.position(written);
        if (!whole) {
            append(new byte[] {'\n'});
        }
        append(header);
    }

    private void create(long wanted) throws IOException {
        List<Path> present = files(directory);
        for (int i = 0; i <= present.size() - COUNT; i++) {
            Files.delete(present.get(i));
        }
        number = wanted;
        out = FileChannel.open(
                directory.resolve(String.format("flight-%06d.jsonl", number)),
                Set.of(StandardOpenOption.WRITE, StandardOpenOption.CREATE, StandardOpenOption.TRUNCATE_EXISTING),
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
        written = 0;
        append(header);
    }

    private void append(byte[] bytes) throws IOException {
        ByteBuffer buffer = ByteBuffer.wrap(bytes);
        while (buffer.hasRemaining()) {
            written += out.write(buffer);
        }
    }

    @Override
    public void close() throws IOException {
        if (out != null) {
            FileChannel open = out;
            out = null;
            open.close();
        }
    }
}
