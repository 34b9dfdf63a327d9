package dev.matriarch.agent.log;

import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.Context;
import ch.qos.logback.core.FileAppender;
import ch.qos.logback.core.OutputStreamAppender;
import ch.qos.logback.core.rolling.FixedWindowRollingPolicy;
import ch.qos.logback.core.rolling.RollingFileAppender;
import ch.qos.logback.core.rolling.SizeBasedTriggeringPolicy;
import ch.qos.logback.core.util.Duration;
import ch.qos.logback.core.util.FileSize;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.util.EnumSet;
import java.util.Optional;
import java.util.Set;

/** {@code matriarch.log} in a directory, and the older ones {@code matriarch.log.1} and on. */
final class LogFiles {
    private static final PosixFilePermission[] BITS = {
        PosixFilePermission.OTHERS_EXECUTE,
        PosixFilePermission.OTHERS_WRITE,
        PosixFilePermission.OTHERS_READ,
        PosixFilePermission.GROUP_EXECUTE,
        PosixFilePermission.GROUP_WRITE,
        PosixFilePermission.GROUP_READ,
        PosixFilePermission.OWNER_EXECUTE,
        PosixFilePermission.OWNER_WRITE,
        PosixFilePermission.OWNER_READ
    };

    private LogFiles() {}

    static OutputStreamAppender<ILoggingEvent> in(Path dir, LogConfig config, Context context) {
        Path file = dir.resolve("matriarch.log");
        if (config.fileCount() == 0) {
            FileAppender<ILoggingEvent> single = new FileAppender<>() {
                @Override
                public void openFile(String name) throws IOException {
                    super.openFile(name);
                    permit(Path.of(name), config.mode());
                }
            };
            single.setFile(file.toString());
            return single;
        }
        RollingFileAppender<ILoggingEvent> rolled = new RollingFileAppender<>() {
            @Override
            public void openFile(String name) throws IOException {
                super.openFile(name);
                permit(Path.of(name), config.mode());
            }
        };
        rolled.setContext(context);
        rolled.setFile(file.toString());
        FixedWindowRollingPolicy window = new FixedWindowRollingPolicy() {
            @Override
            protected int getMaxWindowSize() {
                return config.fileCount();
            }
        };
        window.setContext(context);
        window.setParent(rolled);
        window.setFileNamePattern(file + ".%i");
        window.setMinIndex(1);
        window.setMaxIndex(config.fileCount());
        window.start();
        SizeBasedTriggeringPolicy<ILoggingEvent> size = new SizeBasedTriggeringPolicy<>();
        size.setContext(context);
        size.setMaxFileSize(new FileSize(config.fileSize()));
        size.setCheckIncrement(Duration.buildByMilliseconds(0));
        size.start();
        rolled.setRollingPolicy(window);
        rolled.setTriggeringPolicy(size);
        return rolled;
    }

    private static void permit(Path file, Optional<Integer> mode) throws IOException {
        if (mode.isPresent()) {
            Set<PosixFilePermission> permissions = EnumSet.noneOf(PosixFilePermission.class);
            for (int bit = 0; bit < BITS.length; bit++) {
                if ((mode.get() >> bit & 1) == 1) {
                    permissions.add(BITS[bit]);
                }
            }
            Files.setPosixFilePermissions(file, permissions);
        }
    }
}
