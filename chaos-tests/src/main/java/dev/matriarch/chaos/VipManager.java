package dev.matriarch.chaos;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.NetworkInterface;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/**
 * Debian 13's vip-manager beside one node, asking its agent over HTTP. Its {@code ip} only writes down what it is told: no
 * address of this host is touched.
 */
final class VipManager implements AutoCloseable {
    private static final String ADDRESS = "192.0.2.77";

    private final Path directory;
    private final Process process;

    /** Where it is: {@code ./check} unpacks it; empty if it could not. */
    static Optional<Path> program() {
        String named = System.getenv("MATRIARCH_VIP_MANAGER");
        Path path = Path.of(named == null ? "/var/cache/matriarch-tests/vip-manager/usr/bin/vip-manager" : named);
        return Optional.of(path).filter(Files::isExecutable);
    }

    /** It wants an interface with a hardware address, though it does nothing to it here. */
    static Optional<String> anInterface() {
        try {
            for (NetworkInterface one : NetworkInterface.networkInterfaces().toList()) {
                if (!one.isLoopback() && one.getHardwareAddress() != null) {
                    return Optional.of(one.getName());
                }
            }
            return Optional.empty();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    VipManager(Path program, String device, Node node, Path directory) {
        this.directory = directory;
        try {
            Path bin = Files.createDirectories(directory.resolve("bin"));
            Path ip = Files.writeString(bin.resolve("ip"), "#!/bin/sh\necho \"$*\" >>\"" + orders() + "\"\n");
            Files.setPosixFilePermissions(ip, PosixFilePermissions.fromString("rwxr-xr-x"));
            Files.writeString(orders(), "");
            // Without rights it cannot announce anything to the network either.
            List<String> command = new ArrayList<>();
            if ("root".equals(System.getProperty("user.name"))) {
                Files.setPosixFilePermissions(orders(), PosixFilePermissions.fromString("rw-rw-rw-"));
                for (Path folder : List.of(directory, directory.getParent())) {
                    Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwxr-xr-x"));
                }
                command.addAll(List.of("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"));
            }
            command.addAll(List.of(
                    program.toString(),
                    "--ip=" + ADDRESS,
                    "--netmask=32",
                    "--interface=" + device,
                    "--dcs-type=patroni",
                    "--dcs-endpoints=" + node.rest(),
                    "--trigger-key=/leader",
                    "--trigger-value=200",
                    "--interval=200"));
            ProcessBuilder builder =
                    new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log().toFile());
            builder.environment().put("PATH", bin + ":" + System.getenv("PATH"));
            process = builder.start();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private Path log() {
        return directory.resolve("vip-manager.log");
    }

    private Path orders() {
        return directory.resolve("orders");
    }

    /** What it wants of the address now, by its log; empty before the first answer. */
    Optional<Boolean> wantsTheAddress() {
        String said = text(log());
        int up = said.lastIndexOf("must be up");
        int down = said.lastIndexOf("must be down");
        return up < 0 && down < 0 ? Optional.empty() : Optional.of(up > down);
    }

    /** It has told the host to take the address. */
    boolean hasTakenIt() {
        return text(orders()).contains("addr add " + ADDRESS + "/32");
    }

    @Override
    public String toString() {
        return text(log());
    }

    private static String text(Path file) {
        try {
            return Files.exists(file) ? Files.readString(file) : "";
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void close() {
        process.destroy();
        try {
            if (!process.waitFor(5, TimeUnit.SECONDS)) {
                process.destroyForcibly();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            process.destroyForcibly();
        }
    }
}
