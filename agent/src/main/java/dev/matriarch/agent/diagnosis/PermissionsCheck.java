package dev.matriarch.agent.diagnosis;

import dev.matriarch.agent.diagnosis.Diagnosis.Check;
import dev.matriarch.proto.control.v1.FileFacts;
import java.util.List;

/** Who may read and write what belongs to the agent and to PostgreSQL. */
final class PermissionsCheck implements Check {
    private static final String TABLESPACE = "tablespace ";
    private static final int OTHERS_READ = 0004;
    private static final int OTHERS_WRITE = 0002;
    private static final int GROUP_WRITES = 0020;
    private static final int OTHERS = 0007;

    @Override
    public List<Finding> look(Examination of) {
        Notes notes = new Notes("permissions");
        int looked = 0;
        for (var member : of.facts().entrySet()) {
            for (FileFacts file : member.getValue().getFilesList()) {
                looked++;
                if (file.getProblem().isEmpty()) {
                    look(notes, member.getKey(), file);
                } else if (file.getWhat().startsWith(TABLESPACE)) {
                    notes.error(
                            "tablespace",
                            member.getKey(),
                            file.getWhat() + " " + file.getPath() + ": " + file.getProblem(),
                            "mount its volume, or bring the directory back; PostgreSQL cannot read its tables");
                } else {
                    notes.warning(
                            "permissions",
                            member.getKey(),
                            file.getWhat() + " " + file.getPath() + ": " + file.getProblem(),
                            "look at it as the user of the agent (ls -ld " + file.getPath() + ")");
                }
            }
        }
        notes.otherwise(
                "permissions",
                Notes.count(looked, "file or directory", "files and directories")
                        + " looked at: nobody has access who should not");
        return notes.findings();
    }

    private static void tablespace(Notes notes, String member, FileFacts file, String which, boolean foreign) {
        if (foreign) {
            notes.error(
                    "tablespace",
                    member,
                    file.getWhat() + " " + file.getPath() + " belongs to " + file.getOwner() + ", the agent runs as "
                            + file.getAgentUser(),
                    "chown -R " + file.getAgentUser() + " " + file.getPath());
        }
        // PostgreSQL looks at the mode of its data directory only, and volumes of containers often belong to a group.
        if ((file.getMode() & OTHERS) != 0 && !file.getShutIn()) {
            notes.error(
                    "tablespace",
                    member,
                    which + ": others may look into it or change it",
                    "chmod 0700 " + file.getPath());
        }
    }

    private static void look(Notes notes, String member, FileFacts file) {
        String which = file.getWhat() + " " + file.getPath();
        String mode = String.format("%04o", file.getMode());
        boolean foreign = !file.getOwner().isEmpty()
                && !file.getAgentUser().isEmpty()
                && !file.getOwner().equals(file.getAgentUser());
        if (file.getWhat().equals("data directory")) {
            if (foreign) {
                notes.error(
                        "data-directory-owner",
                        member,
                        which + " belongs to " + file.getOwner() + ", the agent runs as " + file.getAgentUser(),
                        "chown -R " + file.getAgentUser() + " " + file.getPath());
            }
            if ((file.getMode() & (OTHERS | GROUP_WRITES)) != 0) {
                notes.error(
                        "data-directory-mode",
                        member,
                        which + " has mode " + mode + ": PostgreSQL does not start with it",
                        "chmod 0700 " + file.getPath() + " (or 0750, if the cluster was made with group access)");
            }
            return;
        }
        if (file.getWhat().startsWith(TABLESPACE)) {
            tablespace(notes, member, file, which + " has mode " + mode, foreign);
            return;
        }
        if (file.getShutIn()) {
            return;
        }
        if ((file.getMode() & OTHERS_WRITE) != 0) {
            notes.error(
                    "writable-by-others",
                    member,
                    which + " has mode " + mode + ": everybody on the host may change it",
                    "chmod o-w " + file.getPath());
        }
        if (file.getSecret() && (file.getMode() & OTHERS_READ) != 0) {
            notes.error(
                    "secret-readable",
                    member,
                    which + " has mode " + mode + " and holds secrets: everybody on the host may read them",
                    "chmod o-rwx " + file.getPath() + ", and change the passwords or keys if others have accounts"
                            + " there");
        }
    }
}
