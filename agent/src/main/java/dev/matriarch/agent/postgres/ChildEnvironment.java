package dev.matriarch.agent.postgres;

import java.util.Map;

/** What programs that this agent starts may know of its own environment: no settings and no secrets. */
public final class ChildEnvironment {
    private ChildEnvironment() {}

    /** Removes from the environment what no child has any business to know. */
    public static void scrub(Map<String, String> environment) {
        environment
                .keySet()
                .removeIf(name -> name.startsWith("PATRONI_")
                        || name.startsWith("MATRIARCH_")
                        || name.startsWith("PG") && !name.startsWith("PGBACKREST_")
                        || name.equals("NOTIFY_SOCKET")
                        || name.equals("BASH_ENV")
                        || name.equals("ENV")
                        || name.equals("JAVA_TOOL_OPTIONS")
                        || name.equals("JDK_JAVA_OPTIONS"));
    }

    /** The same for PostgreSQL, whose functions in untrusted languages can read its environment. */
    static void scrubForPostgres(Map<String, String> environment) {
        scrub(environment);
        environment.keySet().removeIf(name -> name.startsWith("KUBERNETES_"));
    }
}
