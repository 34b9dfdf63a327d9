package dev.matriarch.etcd;

import java.net.URI;
import java.util.ArrayList;
import java.util.Hashtable;
import java.util.List;
import java.util.function.Function;
import javax.naming.Context;
import javax.naming.NamingException;
import javax.naming.directory.Attribute;
import javax.naming.directory.InitialDirContext;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Looks the servers up in DNS, under the names that etcd's own clients use. */
final class SrvRecords {
    private static final Logger LOG = LoggerFactory.getLogger(SrvRecords.class);

    /** In this order; the first that exists counts. */
    private static final List<String> SERVICES = List.of("_etcd-client-ssl", "_etcd-client", "_etcd-ssl", "_etcd");

    /** By which servers find each other: asked for if there are none for clients. */
    private static final List<String> PEER_SERVICES = List.of("_etcd-server-ssl", "_etcd-server");

    private final EtcdSettings.Discovery discovery;
    private final Function<String, List<String>> records;

    SrvRecords(EtcdSettings.Discovery discovery) {
        this(discovery, SrvRecords::lookUp);
    }

    /** @param records a name to its SRV records, each as {@code priority weight port target} */
    SrvRecords(EtcdSettings.Discovery discovery, Function<String, List<String>> records) {
        this.discovery = discovery;
        this.records = records;
    }

    /**
     * What DNS says; nothing if it names none, or does not answer.
     *
     * @param clients addresses for clients
     * @param peers addresses by which the servers know each other, if there are none for clients
     */
    record Found(List<URI> clients, List<URI> peers) {}

    Found look() {
        List<URI> clients = first(SERVICES);
        Found found = new Found(clients, clients.isEmpty() ? first(PEER_SERVICES) : List.of());
        if (found.clients().isEmpty() && found.peers().isEmpty()) {
            LOG.warn("DNS names no servers of etcd under {}", discovery.domain());
        }
        return found;
    }

    private List<URI> first(List<String> services) {
        for (String service : services) {
            String name = service + discovery.suffix().map(s -> "-" + s).orElse("") + "._tcp." + discovery.domain();
            List<URI> found = new ArrayList<>();
            for (String record : records.apply(name)) {
                String[] parts = record.strip().split("\\s+");
                if (parts.length == 4) {
                    found.add(URI.create((service.endsWith("-ssl") ? "https://" : "http://")
                            + parts[3].replaceFirst("\\.$", "") + ":" + parts[2]));
                }
            }
            if (!found.isEmpty()) {
                return found;
            }
        }
        return List.of();
    }

    private static List<String> lookUp(String name) {
        Hashtable<String, String> environment = new Hashtable<>();
        environment.put(Context.INITIAL_CONTEXT_FACTORY, "com.sun.jndi.dns.DnsContextFactory");
        environment.put("com.sun.jndi.dns.timeout.initial", "500");
        environment.put("com.sun.jndi.dns.timeout.retries", "2");
        List<String> found = new ArrayList<>();
        try {
            InitialDirContext dns = new InitialDirContext(environment);
            try {
                Attribute records =
                        dns.getAttributes(name, new String[] {"SRV"}).get("SRV");
                for (int i = 0; records != null && i < records.size(); i++) {
                    found.add(records.get(i).toString());
                }
            } finally {
                dns.close();
            }
        } catch (NamingException e) {
            LOG.debug("no SRV record of {}: {}", name, e.toString());
        }
        return found;
    }
}
