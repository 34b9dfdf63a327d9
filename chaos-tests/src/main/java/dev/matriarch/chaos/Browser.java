package dev.matriarch.chaos;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Base64;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;

/** A headless Chromium with one page, driven through its DevTools protocol. One thread. */
public final class Browser implements AutoCloseable {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Duration START = Duration.ofSeconds(40);
    private static final Duration ANSWER = Duration.ofSeconds(20);

    private final Path profile;
    private final Process process;
    private final WebSocket socket;
    private final AtomicInteger lastId = new AtomicInteger();
    private final Map<Integer, CompletableFuture<JsonNode>> asked = new ConcurrentHashMap<>();
    private final List<String> complaints = new CopyOnWriteArrayList<>();

    private Browser(Path profile, Process process) throws IOException {
        this.profile = profile;
        this.process = process;
        Path portFile = profile.resolve("DevToolsActivePort");
        Await.until("Chromium listens", START, () -> {
            try {
                return Files.exists(portFile) && Files.readAllLines(portFile).size() >= 2;
            } catch (IOException e) {
                return false;
            }
        });
        String port = Files.readAllLines(portFile).getFirst();
        String page = Await.value("Chromium has a page", START, () -> page(port));
        socket = HttpClient.newHttpClient()
                .newWebSocketBuilder()
                .connectTimeout(ANSWER)
                .buildAsync(URI.create(page), new Listener())
                .join();
        call("Page.enable", object());
        call("Runtime.enable", object());
        call("Log.enable", object());
    }

    private static java.util.Optional<String> page(String port) {
        return Http.get("http://127.0.0.1:" + port + "/json", Duration.ofSeconds(2))
                .map(reply -> {
                    try {
                        for (JsonNode target : JSON.readTree(reply.body())) {
                            if (target.path("type").asText().equals("page")) {
                                return target.path("webSocketDebuggerUrl").asText();
                            }
                        }
                        return null;
                    } catch (IOException e) {
                        return null;
                    }
                });
    }

    /** The program's name on this machine; empty if there is none. */
    public static java.util.Optional<String> program() {
        return Stream.of("chromium", "chromium-browser", "google-chrome")
                .flatMap(name -> Stream.of(System.getenv("PATH").split(":")).map(d -> Path.of(d, name)))
                .filter(Files::isExecutable)
                .map(Path::toString)
                .findFirst();
    }

    public static Browser start() {
        try {
            Path profile = Files.createTempDirectory("matriarch-browser-");
            Process process = new ProcessBuilder(
                            program().orElseThrow(() -> new AssertionError("no Chromium is installed")),
                            "--headless",
                            "--no-sandbox",
                            "--disable-gpu",
                            "--disable-background-networking",
                            "--disable-component-update",
                            "--disable-dev-shm-usage",
                            "--hide-scrollbars",
                            "--no-first-run",
                            "--remote-debugging-port=0",
                            "--user-data-dir=" + profile,
                            "about:blank")
                    .redirectErrorStream(true)
                    .redirectOutput(profile.resolve("output.log").toFile())
                    .start();
            return new Browser(profile, process);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private final class Listener implements WebSocket.Listener {
        private final StringBuilder message = new StringBuilder();

        @Override
        public CompletionStage<?> onText(WebSocket from, CharSequence part, boolean last) {
            message.append(part);
            if (last) {
                take(message.toString());
                message.setLength(0);
            }
            from.request(1);
            return null;
        }
    }

    private void take(String message) {
        JsonNode json;
        try {
            json = JSON.readTree(message);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        CompletableFuture<JsonNode> waiting = asked.remove(json.path("id").asInt(-1));
        if (waiting != null) {
            waiting.complete(json);
            return;
        }
        switch (json.path("method").asText()) {
            case "Runtime.exceptionThrown" ->
                complaints.add(json.at("/params/exceptionDetails").toString());
            case "Log.entryAdded" -> {
                if (json.at("/params/entry/level").asText().equals("error")) {
                    complaints.add(json.at("/params/entry").toString());
                }
            }
            default -> {}
        }
    }

    static ObjectNode object() {
        return JSON.createObjectNode();
    }

    /** One command of the protocol; returns its result. */
    private JsonNode call(String method, ObjectNode parameters) {
        int id = lastId.incrementAndGet();
        CompletableFuture<JsonNode> answer = new CompletableFuture<>();
        asked.put(id, answer);
        ObjectNode message = object().put("id", id).put("method", method);
        message.set("params", parameters);
        socket.sendText(message.toString(), true).join();
        try {
            JsonNode reply = answer.get(ANSWER.toMillis(), TimeUnit.MILLISECONDS);
            if (reply.has("error")) {
                throw new AssertionError(method + ": " + reply.get("error"));
            }
            return reply.path("result");
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        } catch (ExecutionException | TimeoutException e) {
            throw new AssertionError(method + " was not answered", e);
        }
    }

    public void open(String url) {
        call("Page.navigate", object().put("url", url));
    }

    /** @param dark the user prefers it */
    public void look(int width, int height, boolean phone, boolean dark) {
        call(
                "Emulation.setDeviceMetricsOverride",
                object().put("width", width)
                        .put("height", height)
                        .put("deviceScaleFactor", 1)
                        .put("mobile", phone));
        ObjectNode media = object().put("media", "screen");
        media.putArray("features")
                .addObject()
                .put("name", "prefers-color-scheme")
                .put("value", dark ? "dark" : "light");
        call("Emulation.setEmulatedMedia", media);
    }

    /** The value of a JavaScript expression in the page. */
    public JsonNode value(String expression) {
        JsonNode result =
                call("Runtime.evaluate", object().put("expression", expression).put("returnByValue", true));
        if (result.has("exceptionDetails")) {
            throw new AssertionError(expression + ": " + result.get("exceptionDetails"));
        }
        return result.at("/result/value");
    }

    /** The text of the first element that the selector finds; empty if it finds none. */
    public String text(String selector) {
        return value("(document.querySelector(" + JSON.valueToTree(selector) + ") || {textContent: ''}).textContent")
                .asText();
    }

    /** Presses and releases a key by its DOM name, such as Tab or Enter. */
    public void key(String name) {
        for (String type : List.of("keyDown", "keyUp")) {
            ObjectNode event = object().put("type", type).put("key", name).put("code", name);
            if (name.equals("Tab")) {
                event.put("windowsVirtualKeyCode", 9);
            } else if (name.equals("Enter")) {
                event.put("windowsVirtualKeyCode", 13).put("text", "\r");
            }
            call("Input.dispatchKeyEvent", event);
        }
    }

    /** Writes what the window shows as a WebP file. */
    public void screenshot(Path file) {
        byte[] picture = Base64.getDecoder()
                .decode(call(
                                "Page.captureScreenshot",
                                object().put("format", "webp").put("quality", 82))
                        .path("data")
                        .asText());
        try {
            Files.createDirectories(file.toAbsolutePath().getParent());
            Files.write(file, picture);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Errors of scripts, and what the browser refused or could not fetch. */
    public List<String> complaints() {
        return List.copyOf(complaints);
    }

    @Override
    public void close() {
        socket.abort();
        process.descendants().forEach(ProcessHandle::destroy);
        process.destroy();
        try {
            if (!process.waitFor(5, TimeUnit.SECONDS)) {
                process.destroyForcibly().waitFor(5, TimeUnit.SECONDS);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        try (Stream<Path> all = Files.walk(profile)) {
            all.sorted(Comparator.reverseOrder()).forEach(p -> p.toFile().delete());
        } catch (IOException | UncheckedIOException e) {
            // Chromium's last child may still be writing there: it is a folder of the temporary directory.
            return;
        }
    }
}
