package dev.matriarch.chaos;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Many GETs of one address by the programs that people use for it: wrk for as many as there can be, h2load for so many in a
 * second. {@code bench/run} unpacks them and says in the environment where they are.
 */
final class HttpLoad {
    private static final Duration MARGIN = Duration.ofSeconds(60);
    private static final Pattern RATE = Pattern.compile("Requests/sec:\\s+([0-9.]+)");
    private static final Pattern NINETY_NINE = Pattern.compile("99%\\s+([0-9.]+)(us|ms|s)");
    private static final Pattern BAD = Pattern.compile("Non-2xx or 3xx responses: (\\d+)");
    private static final Pattern SOCKET = Pattern.compile("Socket errors: (.*)");

    private final String wrk;
    private final String h2load;
    private final Map<String, String> libraries;

    HttpLoad() {
        wrk = System.getenv().getOrDefault("MATRIARCH_WRK", "wrk");
        h2load = System.getenv().getOrDefault("MATRIARCH_H2LOAD", "h2load");
        String path = System.getenv().getOrDefault("MATRIARCH_LOAD_LIBRARIES", "");
        libraries = path.isEmpty() ? Map.of() : Map.of("LD_LIBRARY_PATH", path);
    }

    /** @param wrong answers other than 200 */
    record Most(double perSecond, double p99Millis, long wrong, String trouble) {}

    /** One connection after the other is never waited with: each of {@code connections} asks as soon as it is answered. */
    Most most(String url, int connections, Duration time) {
        String said = Commands.run(
                        time.plus(MARGIN),
                        libraries,
                        List.of(
                                wrk,
                                "-t1",
                                "-c" + connections,
                                "-d" + time.toSeconds() + "s",
                                "--timeout",
                                "10s",
                                "--latency",
                                url))
                .expectSuccess()
                .output();
        return new Most(
                number(RATE, said),
                millis(said),
                BAD.matcher(said).find() ? (long) number(BAD, said) : 0,
                SOCKET.matcher(said).find() ? group(SOCKET, said) : "");
    }

    private static double millis(String said) {
        Matcher found = NINETY_NINE.matcher(said);
        if (!found.find()) {
            throw new AssertionError("wrk says no 99%: " + said);
        }
        double factor = switch (found.group(2)) {
            case "us" -> 0.001;
            case "ms" -> 1;
            default -> 1000;
        };
        return Double.parseDouble(found.group(1)) * factor;
    }

    private static String group(Pattern pattern, String said) {
        Matcher found = pattern.matcher(said);
        if (!found.find()) {
            throw new AssertionError("no " + pattern + " in: " + said);
        }
        return found.group(1);
    }

    private static double number(Pattern pattern, String said) {
        return Double.parseDouble(group(pattern, said));
    }

    /** @param latencies in microseconds, sorted, from the first byte sent to the last one received */
    record Steady(double perSecond, long[] latencies, long wrong) {
        double millis(double share) {
            return latencies.length == 0
                    ? Double.NaN
                    : latencies[(int) Math.min(latencies.length - 1, share * latencies.length)] / 1000.0;
        }
    }

    /** So many in a second over {@code connections} that stay open; those of the first {@code warmUp} are not counted. */
    Steady steady(String url, int connections, int perSecond, Duration warmUp, Duration time) {
        try {
            Path log = Files.createTempFile("matriarch-h2load", ".log");
            try {
                Commands.run(
                                time.plus(warmUp).plus(MARGIN),
                                libraries,
                                List.of(
                                        h2load,
                                        "--h1",
                                        "-t1",
                                        "-c" + connections,
                                        "--rps=" + perSecond / connections,
                                        "--duration=" + time.toSeconds(),
                                        "--warm-up-time=" + warmUp.toSeconds(),
                                        "--log-file=" + log,
                                        url))
                        .expectSuccess();
                // The time at which it began, the status, and how long it took; times in microseconds.
                List<String[]> lines = Files.readAllLines(log).stream()
                        .map(l -> l.split("\t"))
                        .filter(l -> l.length >= 3)
                        .toList();
                long wrong = lines.stream().filter(l -> !l[1].equals("200")).count();
                long[] latencies =
                        lines.stream().mapToLong(l -> Long.parseLong(l[2])).toArray();
                Arrays.sort(latencies);
                return new Steady((double) latencies.length / time.toSeconds(), latencies, wrong);
            } finally {
                Files.deleteIfExists(log);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
