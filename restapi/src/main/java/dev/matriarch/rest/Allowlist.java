package dev.matriarch.rest;

import java.net.InetAddress;
import java.net.URI;
import java.net.UnknownHostException;
import java.util.ArrayList;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Addresses and networks. Host names are resolved once. */
final class Allowlist {
    private static final Logger LOG = LoggerFactory.getLogger(Allowlist.class);

    private record Network(byte[] address, int bits) {
        boolean contains(byte[] other) {
            if (other.length != address.length) {
                return false;
            }
            for (int i = 0; i < bits; i++) {
                int mask = 0x80 >> i % 8;
                if ((address[i / 8] & mask) != (other[i / 8] & mask)) {
                    return false;
                }
            }
            return true;
        }
    }

    private final List<Network> networks;

    /** What cannot be resolved now matches nobody; the log says so. */
    Allowlist(List<String> entries) {
        networks = new ArrayList<>();
        for (String entry : entries) {
            try {
                networks.addAll(parse(entry));
            } catch (UnknownHostException e) {
                LOG.warn("restapi.allowlist: {} cannot be resolved and lets nobody in before the next reload", entry);
            } catch (IllegalArgumentException e) {
                LOG.error("restapi.allowlist: {} {}", entry, e.getMessage());
            }
        }
    }

    boolean isEmpty() {
        return networks.isEmpty();
    }

    boolean contains(InetAddress address) {
        return networks.stream().anyMatch(n -> n.contains(address.getAddress()));
    }

    /** @throws IllegalArgumentException if the text is not an address, a network or a host name */
    private static List<Network> parse(String entry) throws UnknownHostException {
        int slash = entry.indexOf('/');
        String host = slash < 0 ? entry : entry.substring(0, slash);
        List<Network> found = new ArrayList<>();
        for (InetAddress address : InetAddress.getAllByName(host.strip())) {
            int most = address.getAddress().length * 8;
            int bits = most;
            if (slash >= 0) {
                try {
                    bits = Integer.parseInt(entry.substring(slash + 1).strip());
                } catch (NumberFormatException e) {
                    throw new IllegalArgumentException("is not of the form 10.0.0.0/8", e);
                }
                if (bits < 0 || bits > most) {
                    throw new IllegalArgumentException("has not 0 to " + most + " bits");
                }
            }
            found.add(new Network(address.getAddress(), bits));
        }
        return found;
    }

    /** True if the host of one of these URLs has this address. */
    static boolean isHostOf(List<String> urls, InetAddress address) {
        for (String url : urls) {
            try {
                String host = URI.create(url).getHost();
                if (host != null && List.of(InetAddress.getAllByName(host)).contains(address)) {
                    return true;
                }
            } catch (UnknownHostException | IllegalArgumentException e) {
                LOG.debug("{} names no host that can be resolved", url);
            }
        }
        return false;
    }
}
