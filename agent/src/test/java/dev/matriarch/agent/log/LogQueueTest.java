package dev.matriarch.agent.log;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.classic.util.LogbackMDCAdapter;
import ch.qos.logback.core.AppenderBase;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(30)
class LogQueueTest {
    private final LoggerContext context = new LoggerContext();
    private final Logger log = context.getLogger("test");

    LogQueueTest() {
        context.setMDCAdapter(new LogbackMDCAdapter());
    }

    @TempDir
    private Path dir;

    @Test
    void nobodyWaitsForADiskThatDoesNotAnswerAndLossesAreSaid() throws Exception {
        CountDownLatch answers = new CountDownLatch(1);
        List<String> written = new CopyOnWriteArrayList<>();
        AppenderBase<ILoggingEvent> stuck = new AppenderBase<>() {
            @Override
            protected void append(ILoggingEvent event) {
                try {
                    answers.await(20, TimeUnit.SECONDS);
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                }
                written.add(event.getFormattedMessage());
            }
        };
        stuck.setContext(context);
        stuck.start();
        LogQueue queue = new LogQueue(10, log);
        queue.setContext(context);
        queue.addAppender(stuck);
        queue.start();
        log.addAppender(queue);
        long begun = System.nanoTime();
        for (int i = 0; i < 100; i++) {
            log.info("line {}", i);
        }
        assertTrue(System.nanoTime() - begun < Duration.ofSeconds(5).toNanos(), "logging waited");
        answers.countDown();
        while (queue.getNumberOfElementsInQueue() > 0) {
            Thread.sleep(5);
        }
        log.info("after");
        queue.stop();
        assertEquals("line 0", written.getFirst());
        assertEquals("after", written.getLast());
        // Room for a few may have come up meanwhile: then losses are told in portions.
        Pattern loss = Pattern.compile("QueueHandler has lost (\\d+) log records");
        int lost = written.stream()
                .map(loss::matcher)
                .filter(Matcher::matches)
                .mapToInt(m -> Integer.parseInt(m.group(1)))
                .sum();
        long kept = written.stream().filter(line -> line.startsWith("line ")).count();
        assertTrue(lost > 80, written::toString);
        assertEquals(100, lost + kept);
    }

    @Test
    void filesRollAtTheirSizeAndKeepTheirMode() throws IOException {
        write(config(2000, 2, Optional.of(0640)), 500);
        assertTrue(Files.exists(dir.resolve("matriarch.log.2")));
        assertTrue(Files.notExists(dir.resolve("matriarch.log.3")));
        for (String name : List.of("matriarch.log", "matriarch.log.1")) {
            assertEquals(
                    "rw-r-----", PosixFilePermissions.toString(Files.getPosixFilePermissions(dir.resolve(name))), name);
        }
        String last = Files.readString(dir.resolve("matriarch.log"));
        assertTrue(last.contains("line 499"), last);
    }

    @Test
    void moreThanTwentyOlderFilesCanBeKept() throws IOException {
        write(config(200, 30, Optional.empty()), 400);
        assertTrue(Files.exists(dir.resolve("matriarch.log.30")));
    }

    @Test
    void withoutOlderFilesOneFileGrows() throws IOException {
        write(config(100, 0, Optional.of(0600)), 300);
        assertEquals(300, Files.readAllLines(dir.resolve("matriarch.log")).size());
        try (var files = Files.list(dir)) {
            assertEquals(1, files.count());
        }
    }

    private void write(LogConfig config, int lines) {
        LogQueue queue = Logging.queue(config, context);
        log.addAppender(queue);
        for (int i = 0; i < lines; i++) {
            log.info("line {} {}", i, "x".repeat(50));
            while (queue.getNumberOfElementsInQueue() > 0) {
                Thread.onSpinWait();
            }
        }
        queue.stop();
    }

    private LogConfig config(long size, int count, Optional<Integer> mode) {
        return new LogConfig(
                false,
                "INFO",
                true,
                LogFormat.standard(),
                LogTime.STANDARD,
                Map.of(),
                1000,
                Optional.of(dir),
                mode,
                size,
                count,
                true,
                Map.of());
    }
}
