package dev.matriarch.tls;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Makes certificates with the openssl program. */
public final class Authority {
    private final Path dir;
    private final String name;

    /** Makes the files {@code name.crt} and {@code name.key} in {@code dir}. */
    public Authority(Path dir, String name) throws Exception {
        this.dir = dir;
        this.name = name;
        openssl("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout " + name + ".key -out " + name
                + ".crt -days 30 -subj /CN=" + name);
    }

    public Path file() {
        return dir.resolve(name + ".crt");
    }

    /** Valid from now on, for the loopback addresses and localhost. */
    public TlsFiles issue(String subject) throws Exception {
        return issue(subject, "IP:127.0.0.1,IP:127.0.0.2,IP:127.0.0.3,DNS:localhost", "-days 20");
    }

    /** @param validity of {@code openssl x509}, such as {@code -days 2} */
    public TlsFiles issue(String subject, String hosts, String validity) throws Exception {
        Files.writeString(dir.resolve(subject + ".ext"), "subjectAltName=" + hosts + "\n");
        openssl("req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout " + subject + ".key -out " + subject
                + ".csr -subj /CN=" + subject);
        openssl("x509 -req -in " + subject + ".csr -CA " + name + ".crt -CAkey " + name + ".key -CAcreateserial "
                + validity + " -extfile " + subject + ".ext -out " + subject + ".crt");
        return new TlsFiles(
                file(), dir.resolve(subject + ".crt"), dir.resolve(subject + ".key"), java.util.Optional.empty());
    }

    public void openssl(String arguments) throws Exception {
        List<String> command = new ArrayList<>(List.of("openssl"));
        command.addAll(List.of(arguments.split(" ")));
        Process process = new ProcessBuilder(command)
                .directory(dir.toFile())
                .redirectErrorStream(true)
                .start();
        process.getOutputStream().close();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertTrue(process.waitFor(20, TimeUnit.SECONDS) && process.exitValue() == 0, output);
    }
}
