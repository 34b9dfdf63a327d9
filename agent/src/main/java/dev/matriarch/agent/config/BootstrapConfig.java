package dev.matriarch.agent.config;

import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The {@code bootstrap} section: used once, by the member that creates the cluster.
 *
 * @param dcsJson the first dynamic configuration, as JSON
 * @param method the operator's own way to make the first data directory; empty: initdb
 * @param initdbOptions each with its dashes
 * @param pgHba lines appended to pg_hba.conf when {@code postgresql.pg_hba} is not given
 * @param users roles to create besides the agent's own
 * @param postBootstrap words of a command that is given the new server's address; none: nothing to run
 */
public record BootstrapConfig(
        String dcsJson,
        Optional<Method> method,
        List<String> initdbOptions,
        List<String> pgHba,
        Map<String, User> users,
        List<String> postBootstrap) {

    /** With another first dynamic configuration. */
    BootstrapConfig withDcs(String json) {
        return new BootstrapConfig(json, method, initdbOptions, pgHba, users, postBootstrap);
    }

    /** @param options role attributes such as {@code createdb} */
    public record User(Optional<String> password, List<String> options) {
        @Override
        public String toString() {
            return "User" + options;
        }
    }

    /**
     * A command that fills the data directory, from a backup for instance.
     *
     * @param command its words
     * @param noParams it is run as it stands, without {@code --scope}, {@code --datadir} and {@code arguments}
     * @param keepRecoveryConf what it leaves about recovery is used as it is
     * @param recoveryConf settings for the recovery that follows, such as {@code restore_command}
     * @param arguments further ones, as {@code --key=value}
     */
    public record Method(
            String name,
            List<String> command,
            boolean noParams,
            boolean keepRecoveryConf,
            Map<String, String> recoveryConf,
            List<String> arguments) {}
}
