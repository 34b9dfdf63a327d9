package dev.matriarch.zookeeper;

import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import javax.security.auth.login.AppConfigurationEntry;
import javax.security.auth.login.AppConfigurationEntry.LoginModuleControlFlag;
import javax.security.auth.login.Configuration;
import org.apache.zookeeper.server.auth.DigestLoginModule;

/**
 * ZooKeeper's client takes the user of its SASL from the login configuration of the whole process. This one answers for such
 * users; whatever else is asked for, as by PostgreSQL's driver for Kerberos, is answered as before.
 */
final class SaslLogins extends Configuration {
    private static final Map<String, AppConfigurationEntry[]> USERS = new ConcurrentHashMap<>();
    private static boolean installed;

    private final Optional<Configuration> before;

    private SaslLogins(Optional<Configuration> before) {
        this.before = before;
    }

    /** @return the name under which the client finds the user */
    static synchronized String name(String user, String password) {
        if (!installed) {
            Configuration.setConfiguration(new SaslLogins(inForce()));
            installed = true;
        }
        String name = "matriarch-zookeeper-" + USERS.size();
        USERS.put(name, new AppConfigurationEntry[] {
            new AppConfigurationEntry(
                    DigestLoginModule.class.getName(),
                    LoginModuleControlFlag.REQUIRED,
                    Map.of("username", user, "password", password))
        });
        return name;
    }

    private static Optional<Configuration> inForce() {
        try {
            return Optional.of(Configuration.getConfiguration());
        } catch (SecurityException noFile) {
            return Optional.empty();
        }
    }

    @Override
    public AppConfigurationEntry[] getAppConfigurationEntry(String name) {
        AppConfigurationEntry[] ours = USERS.get(name);
        return ours != null
                ? ours
                : before.map(b -> b.getAppConfigurationEntry(name)).orElse(null);
    }

    @Override
    public void refresh() {
        before.ifPresent(Configuration::refresh);
    }
}
