package dev.matriarch.agent.log;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What a line is made of: fields by the names of Python's {@code LogRecord} attributes, and the text between them.
 *
 * @param parts in order; for JSON those that are fields count
 */
public record LogFormat(List<Part> parts) {
    /** What holds if nothing is configured. */
    public static final String STANDARD = "%(asctime)s %(levelname)s: %(message)s";

    private static final Pattern DIRECTIVE = Pattern.compile(
            "%(?:%|\\((?<name>[^)]*)\\)(?<flags>[-+ 0#]*)(?<width>\\d*)(?:\\.(?<precision>\\d+))?(?<type>.))");

    /** A field or text. */
    public sealed interface Part {}

    /** Text that stands as it is. */
    public record Text(String text) implements Part {}

    /**
     * @param called its name in JSON
     * @param java how it is written, for {@link String#format}; {@code %s}: as it is
     */
    public record Field(Attribute attribute, String called, String java) implements Part {}

    /** What is known of a line. The places in the source that Python offers are not: they would have to be searched for each line. */
    public enum Attribute {
        MESSAGE,
        LEVELNAME,
        LEVELNO,
        ASCTIME,
        NAME,
        MODULE,
        PROCESS,
        PROCESSNAME,
        THREADNAME,
        CREATED,
        MSECS;

        static Optional<Attribute> of(String name) {
            for (Attribute attribute : values()) {
                if (attribute.name().equals(name.toUpperCase(Locale.ROOT))) {
                    return Optional.of(attribute);
                }
            }
            return Optional.empty();
        }
    }

    static LogFormat standard() {
        return parse(STANDARD);
    }

    /**
     * A format as of Python's {@code %} operator.
     *
     * @throws IllegalArgumentException with a sentence that says what is wrong with it
     */
    public static LogFormat parse(String text) {
        List<Part> parts = new ArrayList<>();
        Matcher directive = DIRECTIVE.matcher(text);
        StringBuilder literal = new StringBuilder();
        int at = 0;
        while (directive.find()) {
            literal.append(withoutPercent(text.substring(at, directive.start())));
            at = directive.end();
            if (directive.group("name") == null) {
                literal.append('%');
                continue;
            }
            if (!literal.isEmpty()) {
                parts.add(new Text(literal.toString()));
                literal.setLength(0);
            }
            Attribute attribute = attribute(directive.group("name"));
            parts.add(new Field(attribute, directive.group("name"), conversion(directive, attribute)));
        }
        literal.append(withoutPercent(text.substring(at)));
        if (!literal.isEmpty()) {
            parts.add(new Text(literal.toString()));
        }
        if (parts.stream().noneMatch(Field.class::isInstance)) {
            throw new IllegalArgumentException("has no field such as %(message)s");
        }
        return new LogFormat(List.copyOf(parts));
    }

    /**
     * Fields one after the other, for JSON.
     *
     * @param names what each field is called in a line, by the name of its attribute
     * @throws IllegalArgumentException with a sentence that names the field that is not known
     */
    public static LogFormat fields(List<Map.Entry<String, String>> names) {
        List<Part> parts = new ArrayList<>();
        names.forEach(e -> parts.add(new Field(attribute(e.getKey()), e.getValue(), "%s")));
        if (parts.isEmpty()) {
            throw new IllegalArgumentException("names no field; give a list such as [asctime, levelname, message]");
        }
        return new LogFormat(List.copyOf(parts));
    }

    private static String withoutPercent(String text) {
        if (text.contains("%")) {
            throw new IllegalArgumentException(
                    "has a % that begins no field; write %(name)s for a field and %% for a percent sign");
        }
        return text;
    }

    private static Attribute attribute(String name) {
        return Attribute.of(name)
                .orElseThrow(() -> new IllegalArgumentException("has the field " + name
                        + ", which is not known here; there are message, levelname, levelno, asctime, name, module, process,"
                        + " processName, threadName, created and msecs"));
    }

    /** Python and Java write widths alike; Python takes %d for a number with decimals and %s for anything. */
    private static String conversion(Matcher directive, Attribute attribute) {
        String width = directive.group("width");
        String precision = directive.group("precision") == null ? "" : "." + directive.group("precision");
        String flags = directive.group("flags");
        boolean number = switch (attribute) {
            case LEVELNO, PROCESS, CREATED, MSECS -> true;
            default -> false;
        };
        char type = directive.group("type").charAt(0);
        if (type == 's') {
            return "%" + (flags.contains("-") && !width.isEmpty() ? "-" : "") + width + precision + "s";
        }
        if (type != 'd' && type != 'f' || !number) {
            throw new IllegalArgumentException("writes the field " + directive.group("name") + " as %" + type
                    + "; use s" + (number ? ", d or f" : ""));
        }
        String kept = flags.replace("#", "").replaceAll(width.isEmpty() ? "[-0]" : "\\z", "");
        if (kept.contains("-")) {
            kept = kept.replace("0", "");
        }
        return "%" + kept + width + (type == 'd' ? ".0f" : (precision.isEmpty() ? ".6" : precision) + "f");
    }
}
