package dev.matriarch.ctl;

import java.util.Locale;
import java.util.Optional;
import java.util.Set;

/** What {@code -d} of Patroni's ctl is answered: agents are asked here, no store. */
final class StoreUrl {
    private static final Set<String> SCHEMES = Set.of("consul", "etcd", "etcd3", "exhibitor", "zookeeper");
    private static final String INSTEAD = "matriarchctl asks the cluster's agents and needs no access to a store: give"
            + " --endpoint HOST:PORT of an agent's control port, or its configuration with -c FILE";

    private StoreUrl() {}

    /** @param given of the command line; null: not given */
    static void check(String given, Terminal terminal) {
        if (given != null) {
            int colon = given.indexOf("://");
            Optional<String> scheme = colon < 0
                    ? Optional.empty()
                    : Optional.of(given.substring(0, colon).toLowerCase(Locale.ROOT));
            if (scheme.filter(s -> !SCHEMES.contains(s)).isPresent()) {
                throw CtlException.usage("Unknown dcs scheme: " + scheme.get());
            }
            throw CtlException.usage("--dcs-url: " + INSTEAD);
        }
        if (!terminal.environment("DCS_URL").isEmpty()) {
            terminal.complain("DCS_URL is not used: " + INSTEAD);
        }
    }
}
