package dev.matriarch.agent.config;

import java.util.List;
import java.util.Map;

/**
 * The {@code bootstrap} section: used once, by the member that creates the cluster.
 *
 * @param dcsJson the first dynamic configuration, as JSON
 * @param initdbOptions each with its dashes
 * @param pgHba lines appended to pg_hba.conf when {@code postgresql.pg_hba} is not given
 * @param users roles to create besides the agent's own
 */
public record BootstrapConfig(String dcsJson, List<String> initdbOptions, List<String> pgHba, Map<String, User> users) {
    /** @param options role attributes such as {@code createdb} */
    public record User(java.util.Optional<String> password, List<String> options) {
        @Override
        public String toString() {
            return "User" + options;
        }
    }
}
