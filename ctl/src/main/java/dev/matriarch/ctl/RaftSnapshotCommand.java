package dev.matriarch.ctl;

import com.google.protobuf.ByteString;
import dev.matriarch.proto.control.v1.ChangePeersReply;
import dev.matriarch.proto.control.v1.SaveSnapshotReply;
import dev.matriarch.proto.control.v1.SaveSnapshotRequest;
import dev.matriarch.proto.control.v1.SnapshotFile;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

/** What the store holds, as a file of a few kilobytes. */
@Command(
        name = "snapshot",
        synopsisSubcommandLabel = "COMMAND",
        description =
                "Keep what the store holds in a file, look into such a file, or bring back what of it may come back.")
final class RaftSnapshotCommand {
    private static final Duration QUICK = Duration.ofSeconds(15);
    /** A store of a cluster has a hundredth of that. */
    private static final long LONGEST = 3 << 20;

    private static final String RESTORE = "raft snapshot restore";

    @ParentCommand
    private RaftCommand raft;

    @Command(name = "save", description = "Write what the store holds now to a new file.")
    int save(@Parameters(paramLabel = "FILE") Path file, @Mixin Report report) throws Exception {
        return report.told(raft.ctl(), () -> {
            try (Agents agents = raft.ctl().reach()) {
                ChangePeersReply saved = RaftCommand.ordered(agents, report, "raft snapshot save", () -> {
                    SaveSnapshotReply reply = agents.callStore(
                            QUICK, stub -> stub.saveSnapshot(SaveSnapshotRequest.getDefaultInstance()));
                    if (!reply.getProblem().isEmpty()) {
                        return answer(false, reply.getProblem());
                    }
                    try {
                        write(file, reply.getFile().toByteArray());
                    } catch (CtlException notWritten) {
                        // Nothing is in doubt.
                        return answer(false, notWritten.getMessage());
                    }
                    return answer(true, "saved " + reply.getFile().size() + " bytes to " + file);
                });
                if (!saved.getDone()) {
                    throw CtlException.refused(saved.getMessage());
                }
                return say(saved, "Success: ");
            }
        });
    }

    private static ChangePeersReply answer(boolean done, String message) {
        return ChangePeersReply.newBuilder().setDone(done).setMessage(message).build();
    }

    /** A file is there in full or not at all, and none is overwritten. */
    private static void write(Path file, byte[] bytes) {
        try {
            Path draft = file.resolveSibling(file.getFileName() + ".new");
            Files.deleteIfExists(draft);
            Files.createFile(draft, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
            Files.write(draft, bytes);
            try {
                Files.createLink(file, draft);
            } finally {
                Files.delete(draft);
            }
        } catch (FileAlreadyExistsException e) {
            throw CtlException.refused(file + " exists already and was not changed; name another file");
        } catch (IOException e) {
            throw CtlException.refused("cannot write " + file + ": " + e);
        }
    }

    @Command(name = "inspect", description = "Say what a saved file holds: whose it is, when it was saved, which keys.")
    int inspect(@Parameters(paramLabel = "FILE") Path file, @Mixin Report report) throws Exception {
        SnapshotFile saved = read(file);
        return report.told(raft.ctl(), () -> {
            try (Agents agents = raft.ctl().reach()) {
                return say(
                        RaftCommand.ordered(
                                agents,
                                report,
                                "raft snapshot inspect",
                                () -> agents.callStore(QUICK, stub -> stub.inspectSnapshot(saved))),
                        "");
            }
        });
    }

    @Command(
            name = "restore",
            description = {
                "Bring back the cluster-wide configuration, and the history where it is missing.",
                "Who led, who was synchronous and who was a member is not brought back: it belongs to its moment."
            })
    int restore(
            @Parameters(paramLabel = "FILE") Path file,
            @Option(names = "--force", description = "Do not ask for confirmation.") boolean force,
            @Mixin Report report)
            throws Exception {
        SnapshotFile saved = read(file);
        return report.told(raft.ctl(), () -> restore(saved, force, report));
    }

    private int restore(SnapshotFile saved, boolean force, Report report) {
        try (Agents agents = raft.ctl().reach()) {
            ChangePeersReply seen = agents.callStore(QUICK, stub -> stub.inspectSnapshot(saved));
            say(seen, "");
            if (!seen.getDone()) {
                report.add(agents.cluster().getScope(), RESTORE, List.of(), "", 412, seen.getMessage());
                return CtlException.REFUSED;
            }
            if (!force
                    && !raft.ctl()
                            .terminal()
                            .confirm("Do you want to replace the cluster-wide configuration by that of this file?")) {
                throw CtlException.refused("Aborted!");
            }
            return say(
                    RaftCommand.ordered(
                            agents,
                            report,
                            RESTORE,
                            () -> agents.callStore(QUICK, stub -> stub.restoreSnapshot(saved))),
                    "Success: ");
        }
    }

    private int say(ChangePeersReply reply, String before) {
        raft.ctl().terminal().print((reply.getDone() ? before : "Failed: ") + reply.getMessage());
        return reply.getDone() ? 0 : CtlException.REFUSED;
    }

    private static SnapshotFile read(Path file) {
        try {
            if (Files.size(file) > LONGEST) {
                throw CtlException.refused(file + " is larger than 3 MB: it is no saved store");
            }
            return SnapshotFile.newBuilder()
                    .setFile(ByteString.copyFrom(Files.readAllBytes(file)))
                    .build();
        } catch (IOException e) {
            throw CtlException.refused("cannot read " + file + ": " + e);
        }
    }
}
