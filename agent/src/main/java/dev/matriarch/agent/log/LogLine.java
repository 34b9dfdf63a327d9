package dev.matriarch.agent.log;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.classic.spi.IThrowableProxy;
import ch.qos.logback.classic.spi.ThrowableProxyUtil;
import ch.qos.logback.core.CoreConstants;
import ch.qos.logback.core.LayoutBase;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.math.BigDecimal;
import java.time.ZoneId;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/** Writes events as {@link LogConfig} says: plain lines, or one JSON object a line. */
final class LogLine extends LayoutBase<ILoggingEvent> {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final long PROCESS = ProcessHandle.current().pid();

    private final LogConfig config;
    private final ZoneId zone;

    LogLine(LogConfig config, ZoneId zone) {
        this.config = config;
        this.zone = zone;
    }

    @Override
    public String doLayout(ILoggingEvent event) {
        return config.json() ? json(event) : plain(event);
    }

    private String plain(ILoggingEvent event) {
        StringBuilder line = new StringBuilder(160);
        for (LogFormat.Part part : config.format().parts()) {
            switch (part) {
                case LogFormat.Text text -> line.append(text.text());
                case LogFormat.Field field -> {
                    Object value = value(field.attribute(), event);
                    boolean number = field.java().endsWith("f");
                    line.append(
                            field.java().equals("%s")
                                    ? value
                                    : String.format(
                                            Locale.ROOT,
                                            field.java(),
                                            number ? ((Number) value).doubleValue() : value));
                }
            }
        }
        line.append(CoreConstants.LINE_SEPARATOR);
        String trace = trace(event);
        return trace.isEmpty() ? line.toString() : line.append(trace).toString();
    }

    private String json(ILoggingEvent event) {
        Map<String, Object> line = new LinkedHashMap<>();
        for (LogFormat.Part part : config.format().parts()) {
            if (part instanceof LogFormat.Field field) {
                line.put(field.called(), value(field.attribute(), event));
            }
        }
        String trace = trace(event);
        if (!trace.isEmpty()) {
            line.put("exc_info", trace.stripTrailing());
        }
        line.putAll(config.staticFields());
        try {
            return JSON.writeValueAsString(line) + "\n";
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Ends with a line's end; empty if there is nothing to tell. */
    private String trace(ILoggingEvent event) {
        IThrowableProxy thrown = event.getThrowableProxy();
        if (thrown == null) {
            return "";
        }
        boolean whole = config.traces() || config.level().equals("DEBUG");
        return whole
                ? ThrowableProxyUtil.asString(thrown)
                : "DETAIL: " + thrown.getClassName() + ": " + thrown.getMessage() + CoreConstants.LINE_SEPARATOR;
    }

    private Object value(LogFormat.Attribute attribute, ILoggingEvent event) {
        String logger = event.getLoggerName();
        return switch (attribute) {
            case MESSAGE -> event.getFormattedMessage();
            case LEVELNAME ->
                event.getLevel() == Level.WARN ? "WARNING" : event.getLevel().toString();
            // Python's numbers: 10 for DEBUG to 40 for ERROR.
            case LEVELNO -> Math.max(5, event.getLevel().toInt() / 1000);
            case ASCTIME -> config.time().text(event.getTimeStamp(), zone);
            case NAME -> logger;
            case MODULE -> logger.substring(logger.lastIndexOf('.') + 1);
            case PROCESS -> PROCESS;
            case PROCESSNAME -> "matriarch";
            case THREADNAME -> event.getThreadName();
            case CREATED -> BigDecimal.valueOf(event.getTimeStamp(), 3);
            case MSECS -> event.getTimeStamp() % 1000;
        };
    }
}
