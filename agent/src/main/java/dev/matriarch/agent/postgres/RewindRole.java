package dev.matriarch.agent.postgres;

import dev.matriarch.agent.config.PostgresConfig;

/** As whom pg_rewind comes. Before PostgreSQL 11 only a superuser may read what it reads, whatever was granted. */
final class RewindRole {
    private static final int MAY_BE_ORDINARY = 11;

    private RewindRole() {}

    /** @param major of both servers */
    static PostgresConfig.Role of(PostgresConfig config, int major) {
        return major < MAY_BE_ORDINARY ? config.superuser() : config.rewind();
    }
}
