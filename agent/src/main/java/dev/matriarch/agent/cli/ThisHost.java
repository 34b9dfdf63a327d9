package dev.matriarch.agent.cli;

import java.io.IOException;
import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.NetworkInterface;
import java.net.SocketException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;

/** Name and address of this host, as far as they can be guessed without asking the network. */
public final class ThisHost {
    private ThisHost() {}

    public static String name() {
        try {
            String name = Files.readString(Path.of("/proc/sys/kernel/hostname")).strip();
            return name.isEmpty() ? "localhost" : name;
        } catch (IOException e) {
            return "localhost";
        }
    }

    /** The first address that others might reach, IPv4 before IPv6; the loopback one if there is no other. */
    static String address() {
        try {
            List<InetAddress> all = NetworkInterface.networkInterfaces()
                    .flatMap(NetworkInterface::inetAddresses)
                    .filter(a -> !a.isLoopbackAddress() && !a.isLinkLocalAddress() && !a.isMulticastAddress())
                    .sorted(Comparator.comparing(a -> !(a instanceof Inet4Address)))
                    .toList();
            return all.isEmpty() ? "127.0.0.1" : shown(all.getFirst());
        } catch (SocketException e) {
            return "127.0.0.1";
        }
    }

    private static String shown(InetAddress address) {
        String text = address.getHostAddress();
        String bare = text.indexOf('%') < 0 ? text : text.substring(0, text.indexOf('%'));
        return bare.indexOf(':') < 0 ? bare : "[" + bare + "]";
    }
}
