package dev.matriarch.agent.diagnosis;

import dev.matriarch.agent.diagnosis.Diagnosis.Check;
import dev.matriarch.proto.control.v1.MemberFacts;
import dev.matriarch.proto.control.v1.VersionFacts;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;

/** What runs on the members, and whether it fits together. */
final class VersionsCheck implements Check {
    @Override
    public List<Finding> look(Examination of) {
        Notes notes = new Notes("versions");
        same(
                of,
                notes,
                "agent-version",
                "the agents are all of version ",
                VersionFacts::getAgent,
                "the agents differ: ",
                "upgrade the agents, one after the other, to the same version");
        same(
                of,
                notes,
                "java-version",
                "the agents all run on Java ",
                VersionFacts::getJava,
                "the agents run on different Javas: ",
                "install the same Java runtime on all hosts");
        postgres(of, notes);
        collations(of, notes);
        return notes.findings();
    }

    private static void same(
            Examination of,
            Notes notes,
            String check,
            String what,
            java.util.function.Function<VersionFacts, String> version,
            String differ,
            String fix) {
        SortedMap<String, String> versions = of.known(f -> version.apply(f.getVersions()));
        if (Notes.differ(versions.values())) {
            notes.warning(check, "", differ + Notes.byValue(versions), fix);
        }
        if (!versions.isEmpty()) {
            notes.otherwise(check, what + versions.get(versions.firstKey()));
        }
    }

    private static void postgres(Examination of, Notes notes) {
        SortedMap<String, String> majors = of.known(f -> major(f.getVersions()));
        SortedMap<String, String> running = of.known(f -> text(f.getVersions().getServer()));
        if (Notes.differ(majors.values())) {
            notes.error(
                    "postgresql-version",
                    "",
                    "different major versions of PostgreSQL cannot replicate from each other: " + Notes.byValue(majors),
                    "install the same major version on all hosts, or correct postgresql.bin_dir");
        } else if (Notes.differ(running.values())) {
            notes.warning(
                    "postgresql-version",
                    "",
                    "PostgreSQL's minor versions differ: " + Notes.byValue(running),
                    "install the same minor version on all hosts, then matriarchctl restart " + of.scope()
                            + " MEMBER, replicas first");
        }
        if (!running.isEmpty()) {
            notes.otherwise("postgresql-version", "PostgreSQL " + running.get(running.firstKey()) + " runs everywhere");
        }
        for (Map.Entry<String, MemberFacts> member : of.facts().entrySet()) {
            VersionFacts versions = member.getValue().getVersions();
            if (versions.getServer() != 0
                    && versions.getInstalled() != 0
                    && versions.getServer() != versions.getInstalled()) {
                notes.warning(
                        "installed-version",
                        member.getKey(),
                        "PostgreSQL " + text(versions.getInstalled()) + " is installed, " + text(versions.getServer())
                                + " still runs",
                        "matriarchctl restart " + of.scope() + " " + member.getKey());
            }
        }
        notes.otherwise("installed-version", "the PostgreSQL that runs is the one that is installed");
    }

    private static void collations(Examination of, Notes notes) {
        SortedMap<String, String> sorts = of.known(f -> f.getVersions().getCollation());
        if (Notes.differ(sorts.values())) {
            notes.error(
                    "collation-version",
                    "",
                    "the hosts sort text differently, by the versions of their libraries: " + Notes.byValue(sorts)
                            + ". After a failover indexes on text may miss rows",
                    "run the same release of the operating system on all hosts; until then, after a change of the"
                            + " primary, REINDEX what is sorted by such a collation");
        }
        of.facts()
                .forEach((name, facts) -> facts.getVersions().getStaleCollationsList().stream()
                        .filter(d -> name.equals(of.leader()))
                        .forEach(database -> notes.warning(
                                "collation-version",
                                name,
                                "a database was made when text was sorted by another version: " + database,
                                "REINDEX DATABASE, then ALTER DATABASE … REFRESH COLLATION VERSION")));
        if (!sorts.isEmpty()) {
            notes.otherwise("collation-version", "all hosts sort text alike (" + sorts.get(sorts.firstKey()) + ")");
        }
    }

    private static String major(VersionFacts versions) {
        int version = versions.getServer() != 0 ? versions.getServer() : versions.getInstalled();
        return version == 0 ? "" : Integer.toString(version / 10_000);
    }

    private static String text(int version) {
        return version == 0 ? "" : version / 10_000 + "." + version % 10_000;
    }
}
