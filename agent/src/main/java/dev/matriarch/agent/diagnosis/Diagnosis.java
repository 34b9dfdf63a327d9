package dev.matriarch.agent.diagnosis;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/** All checks. Pure. */
public final class Diagnosis {
    /** One area. */
    interface Check {
        List<Finding> look(Examination of);
    }

    private static final List<Check> CHECKS = List.of(
            new MembersCheck(),
            new StoreCheck(),
            new ReachabilityCheck(),
            new ConfigurationCheck(),
            new SynchronousCheck(),
            new PostgresCheck(),
            new GuardCheck(),
            new DiskCheck(),
            new PermissionsCheck(),
            new CertificatesCheck(),
            new VersionsCheck(),
            new ClocksCheck());

    private Diagnosis() {}

    /** @return the worst first; among equals in the order of the checks */
    public static List<Finding> of(Examination examination) {
        List<Finding> findings = new ArrayList<>();
        CHECKS.forEach(check -> findings.addAll(check.look(examination)));
        findings.sort(Comparator.comparing(Finding::severity));
        return List.copyOf(findings);
    }
}
