package dev.matriarch.agent.log;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.ConsoleAppender;
import ch.qos.logback.core.OutputStreamAppender;
import ch.qos.logback.core.encoder.LayoutWrappingEncoder;
import java.time.ZoneId;
import java.util.Locale;
import org.slf4j.LoggerFactory;
import org.slf4j.bridge.SLF4JBridgeHandler;

/** Sets up logging for the process, at its start and when the configuration has changed. */
public final class Logging {
    private static LogConfig current;

    private Logging() {}

    /** For a run that is not an agent's: standard output belongs to what was asked for. */
    public static void warningsOnly() {
        configure(LogConfig.standard("WARNING"));
    }

    /** Sets it up anew if anything about it has changed. What was logged before is written first. */
    public static synchronized void change(LogConfig config) {
        if (!config.equals(current)) {
            configure(config);
        }
    }

    public static synchronized void configure(LogConfig config) {
        current = config;
        SLF4JBridgeHandler.removeHandlersForRootLogger();
        SLF4JBridgeHandler.install();
        LoggerContext context = (LoggerContext) LoggerFactory.getILoggerFactory();
        context.reset();
        Logger root = context.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME);
        root.addAppender(queue(config, context));
        root.setLevel(level(config.level()));
        // The consensus library tells of every election in many lines; the store says what matters itself.
        context.getLogger("org.apache.ratis").setLevel(Level.ERROR);
        // Each renewal of a session is several lines of its client's.
        context.getLogger("org.apache.zookeeper").setLevel(Level.ERROR);
        // Once a second while a name cannot be resolved; the store's health says that nobody answers.
        context.getLogger("org.apache.zookeeper.ClientCnxnSocketNIO").setLevel(Level.OFF);
        context.getLogger("org.apache.curator").setLevel(Level.ERROR);
        // A stack trace for each connection that breaks.
        context.getLogger("org.apache.curator.framework.imps.CuratorFrameworkImpl")
                .setLevel(Level.OFF);
        context.getLogger("io.helidon").setLevel(Level.WARN);
        // One stack trace for each client that goes away in the midst of an answer.
        context.getLogger("io.helidon.webserver.ConnectionHandler").setLevel(Level.ERROR);
        context.getLogger("io.grpc").setLevel(Level.WARN);
        // Whoever knocks without a certificate, or with no TLS at all, would fill the log with stack traces.
        context.getLogger("io.grpc.netty.shaded.io.netty.channel.DefaultChannelPipeline")
                .setLevel(Level.ERROR);
        context.getLogger("org.postgresql").setLevel(Level.ERROR);
        config.loggers().forEach((name, level) -> context.getLogger(name).setLevel(level(level)));
    }

    /** Writes what waits, for 2 s at most. Nothing is logged afterwards. */
    public static synchronized void end() {
        ((LoggerContext) LoggerFactory.getILoggerFactory()).stop();
    }

    static LogQueue queue(LogConfig config, LoggerContext context) {
        LogLine layout = new LogLine(config, ZoneId.systemDefault());
        layout.setContext(context);
        layout.start();
        LayoutWrappingEncoder<ILoggingEvent> encoder = new LayoutWrappingEncoder<>();
        encoder.setContext(context);
        encoder.setLayout(layout);
        encoder.start();
        OutputStreamAppender<ILoggingEvent> appender =
                config.dir().map(dir -> LogFiles.in(dir, config, context)).orElseGet(Logging::console);
        appender.setContext(context);
        appender.setEncoder(encoder);
        appender.start();
        LogQueue queue = new LogQueue(config.queue(), context.getLogger(Logging.class));
        queue.setContext(context);
        queue.addAppender(appender);
        queue.start();
        return queue;
    }

    private static OutputStreamAppender<ILoggingEvent> console() {
        ConsoleAppender<ILoggingEvent> console = new ConsoleAppender<>();
        console.setTarget("System.err");
        return console;
    }

    private static Level level(String name) {
        return switch (name.toUpperCase(Locale.ROOT)) {
            case "CRITICAL", "FATAL" -> Level.ERROR;
            case "WARNING" -> Level.WARN;
            default -> Level.toLevel(name, Level.INFO);
        };
    }
}
