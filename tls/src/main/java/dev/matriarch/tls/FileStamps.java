package dev.matriarch.tls;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Collection;
import java.util.List;

/**
 * What tells one content of files from the next without reading them: time, size and inode. Two are equal if nothing seems to have
 * changed in between.
 */
public record FileStamps(List<String> each) {
    public FileStamps {
        each = List.copyOf(each);
    }

    /** As they are now; one that cannot be looked at has a stamp as well. */
    public static FileStamps of(Collection<Path> files) {
        return new FileStamps(files.stream().map(FileStamps::stamp).toList());
    }

    private static String stamp(Path file) {
        try {
            BasicFileAttributes a = Files.readAttributes(file, BasicFileAttributes.class);
            return a.lastModifiedTime() + " " + a.size() + " " + a.fileKey();
        } catch (IOException e) {
            return "unreadable";
        }
    }
}
