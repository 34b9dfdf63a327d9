package dev.matriarch.agent;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.encoder.PatternLayoutEncoder;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.ConsoleAppender;
import ch.qos.logback.core.OutputStreamAppender;
import ch.qos.logback.core.rolling.FixedWindowRollingPolicy;
import ch.qos.logback.core.rolling.RollingFileAppender;
import ch.qos.logback.core.rolling.SizeBasedTriggeringPolicy;
import ch.qos.logback.core.util.FileSize;
import dev.matriarch.agent.config.AgentConfig.LogConfig;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.slf4j.LoggerFactory;
import org.slf4j.bridge.SLF4JBridgeHandler;

/** Sets up logging from the {@code log} section: one line an event, to standard error or to rolling files. */
final class Logging {
    private static final String PATTERN = "%d{\"yyyy-MM-dd HH:mm:ss,SSS\"} %level: %msg%n%ex{short}";

    private static LogConfig current;

    private Logging() {}

    /** For a run that is not an agent's: standard output belongs to what was asked for. */
    static void warningsOnly() {
        configure(new LogConfig("WARNING", Optional.empty(), 0, 0, Map.of()));
    }

    /** Sets it up anew if anything about it has changed. */
    static synchronized void change(LogConfig config) {
        if (!config.equals(current)) {
            configure(config);
        }
    }

    static synchronized void configure(LogConfig config) {
        current = config;
        SLF4JBridgeHandler.removeHandlersForRootLogger();
        SLF4JBridgeHandler.install();
        LoggerContext context = (LoggerContext) LoggerFactory.getILoggerFactory();
        context.reset();
        PatternLayoutEncoder encoder = new PatternLayoutEncoder();
        encoder.setContext(context);
        encoder.setPattern(PATTERN);
        encoder.start();
        OutputStreamAppender<ILoggingEvent> appender = config.dir().isPresent() ? file(context, config) : console();
        appender.setContext(context);
        appender.setEncoder(encoder);
        appender.start();
        Logger root = context.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME);
        root.setLevel(level(config.level()));
        root.addAppender(appender);
        // The consensus library tells of every election in many lines; the store says what matters itself.
        context.getLogger("org.apache.ratis").setLevel(Level.ERROR);
        context.getLogger("io.helidon").setLevel(Level.WARN);
        context.getLogger("io.grpc").setLevel(Level.WARN);
        context.getLogger("org.postgresql").setLevel(Level.ERROR);
        config.loggers().forEach((name, level) -> context.getLogger(name).setLevel(level(level)));
    }

    private static OutputStreamAppender<ILoggingEvent> console() {
        ConsoleAppender<ILoggingEvent> console = new ConsoleAppender<>();
        console.setTarget("System.err");
        return console;
    }

    private static OutputStreamAppender<ILoggingEvent> file(LoggerContext context, LogConfig config) {
        String name = config.dir().orElseThrow().resolve("matriarch.log").toString();
        RollingFileAppender<ILoggingEvent> file = new RollingFileAppender<>();
        file.setContext(context);
        file.setFile(name);
        FixedWindowRollingPolicy rolling = new FixedWindowRollingPolicy();
        rolling.setContext(context);
        rolling.setParent(file);
        rolling.setFileNamePattern(name + ".%i");
        rolling.setMinIndex(1);
        rolling.setMaxIndex(Math.max(1, config.fileCount()));
        rolling.start();
        SizeBasedTriggeringPolicy<ILoggingEvent> size = new SizeBasedTriggeringPolicy<>();
        size.setContext(context);
        size.setMaxFileSize(new FileSize(config.fileSize()));
        size.start();
        file.setRollingPolicy(rolling);
        file.setTriggeringPolicy(size);
        return file;
    }

    private static Level level(String name) {
        return switch (name.toUpperCase(Locale.ROOT)) {
            case "CRITICAL", "FATAL" -> Level.ERROR;
            case "WARNING" -> Level.WARN;
            default -> Level.toLevel(name, Level.INFO);
        };
    }
}
