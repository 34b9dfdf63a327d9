package dev.matriarch.agent.config;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * How the connections of one role are encrypted and whom they trust, in libpq's words.
 *
 * @param options libpq's names to their values, only those that were given; {@code sslpassword} is not among them
 * @param keyPassword that of the key in {@code sslkey}; never shown, nor on a command line
 */
public record ConnectionSecurity(Map<String, String> options, Optional<String> keyPassword) {
    public static final ConnectionSecurity USUAL = new ConnectionSecurity(Map.of(), Optional.empty());

    /** The first version whose libpq knows the option; it refuses a connection string that has another. */
    private static final Map<String, Integer> SINCE =
            Map.of("gssencmode", 12, "channel_binding", 13, "sslcrldir", 14, "sslnegotiation", 17);

    /** That of {@code sslpassword}. */
    private static final int KEY_PASSWORD_SINCE = 13;

    public ConnectionSecurity {
        options = Map.copyOf(options);
    }

    /** @param name first part of the server's Kerberos principal, {@code krbsrvname}; {@code postgres} unless given */
    ConnectionSecurity withService(Optional<String> name) {
        if (name.isEmpty()) {
            return this;
        }
        Map<String, String> all = new LinkedHashMap<>(options);
        all.put("krbsrvname", name.get());
        return new ConnectionSecurity(all, keyPassword);
    }

    /** @param major of the PostgreSQL version that libpq comes with */
    public Map<String, String> forLibpq(int major) {
        Map<String, String> known = new LinkedHashMap<>();
        known.put("sslmode", "prefer");
        known.put("gssencmode", "disable");
        options.entrySet().stream()
                .sorted(Map.Entry.comparingByKey())
                .forEach(o -> known.put(o.getKey(), o.getValue()));
        known.keySet().removeIf(name -> major < SINCE.getOrDefault(name, 0));
        return known;
    }

    public Optional<String> keyPasswordForLibpq(int major) {
        return keyPassword.filter(p -> major >= KEY_PASSWORD_SINCE);
    }

    public Optional<String> option(String name) {
        return Optional.ofNullable(options.get(name));
    }

    @Override
    public String toString() {
        return "ConnectionSecurity" + options;
    }
}
