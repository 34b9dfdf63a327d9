package dev.matriarch.proto;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.google.protobuf.DescriptorProtos.FileDescriptorProto;
import com.google.protobuf.Descriptors.FileDescriptor;
import dev.matriarch.proto.control.v1.ExamineRequest;
import dev.matriarch.proto.control.v1.GetClusterRequest;
import dev.matriarch.proto.control.v1.GetPlaceRequest;
import dev.matriarch.proto.control.v1.JoinClusterRequest;
import dev.matriarch.proto.control.v1.ListCertificatesRequest;
import dev.matriarch.proto.control.v1.ListPeersRequest;
import dev.matriarch.proto.peer.v1.PositionRequest;
import dev.matriarch.proto.sharding.v1.GroupsRequest;
import dev.matriarch.proto.store.v1.Command;
import dev.matriarch.proto.store.v1.Invitation;
import dev.matriarch.proto.store.v1.PeerIdentity;
import dev.matriarch.proto.watch.v1.PulseRequest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * What the previous release says must still be understood: agents of both run together while a cluster is upgraded, and
 * the store reads logs and snapshots of its predecessor. CONTRIBUTING.md, "A changed protocol".
 */
class CompatibilityTest {
    private static final Path RELEASED = Path.of("released/0.1.txt");
    private static final List<FileDescriptor> FILES = List.of(
            GetClusterRequest.getDescriptor().getFile(),
            ListCertificatesRequest.getDescriptor().getFile(),
            ListPeersRequest.getDescriptor().getFile(),
            ExamineRequest.getDescriptor().getFile(),
            JoinClusterRequest.getDescriptor().getFile(),
            GetPlaceRequest.getDescriptor().getFile(),
            PositionRequest.getDescriptor().getFile(),
            GroupsRequest.getDescriptor().getFile(),
            Command.getDescriptor().getFile(),
            PeerIdentity.getDescriptor().getFile(),
            Invitation.getDescriptor().getFile(),
            PulseRequest.getDescriptor().getFile());

    @Test
    void whatWasReleasedIsStillThere() throws Exception {
        Map<String, String> now = Shape.of(FILES);
        if ("write".equals(System.getProperty("matriarch.released"))) {
            Files.createDirectories(RELEASED.getParent());
            Files.writeString(
                    RELEASED,
                    now.entrySet().stream()
                            .map(e -> (e.getKey() + " = " + e.getValue()).strip() + "\n")
                            .collect(Collectors.joining()));
        }
        assertEquals(
                List.of(),
                broken(read(), now),
                "agents and stores of the previous release would misunderstand: CONTRIBUTING.md, \"A changed protocol\"");
    }

    @Test
    void everyProtocolIsLookedAt() throws Exception {
        Path sources = Path.of("src/main/proto");
        try (Stream<Path> all = Files.walk(sources)) {
            List<String> written = all.filter(p -> p.toString().endsWith(".proto"))
                    .map(p -> sources.relativize(p).toString())
                    .sorted()
                    .toList();
            assertEquals(
                    written,
                    FILES.stream().map(FileDescriptor::getName).sorted().toList());
        }
    }

    private static Map<String, String> read() throws IOException {
        Map<String, String> released = new TreeMap<>();
        for (String line : Files.readAllLines(RELEASED)) {
            String[] parts = line.split(" =", 2);
            released.put(parts[0], parts.length > 1 ? parts[1].strip() : "");
        }
        return released;
    }

    private static List<String> broken(Map<String, String> released, Map<String, String> now) {
        List<String> broken = new ArrayList<>();
        released.forEach((thing, was) -> {
            String is = now.get(thing);
            if (!was.equals(is)) {
                broken.add(thing + " was '" + was + "' and is " + (is == null ? "gone" : "'" + is + "'"));
            }
        });
        return broken;
    }

    // --- that it notices: the same protocol with one thing changed ---

    private static List<String> noticed(UnaryOperator<FileDescriptorProto.Builder> change) throws Exception {
        FileDescriptor control = FILES.getFirst();
        FileDescriptor changed = FileDescriptor.buildFrom(
                change.apply(control.toProto().toBuilder()).build(),
                control.getDependencies().toArray(FileDescriptor[]::new));
        List<FileDescriptor> files = new ArrayList<>(FILES);
        files.set(0, changed);
        return broken(Shape.of(FILES), Shape.of(files));
    }

    private static int message(FileDescriptorProto.Builder file, String name) {
        for (int i = 0; i < file.getMessageTypeCount(); i++) {
            if (file.getMessageType(i).getName().equals(name)) {
                return i;
            }
        }
        throw new AssertionError(name);
    }

    @Test
    void whatIsAddedBreaksNothing() throws Exception {
        assertEquals(List.of(), noticed(file -> {
            file.getMessageTypeBuilder(message(file, "RemoveClusterRequest"))
                    .addFieldBuilder()
                    .setName("new")
                    .setNumber(99)
                    .setType(com.google.protobuf.DescriptorProtos.FieldDescriptorProto.Type.TYPE_BOOL);
            return file;
        }));
    }

    @Test
    void aFieldWithAnotherNumberNameOrTypeIsNoticed() throws Exception {
        String field = "field matriarch.control.v1.RemoveClusterRequest 1";
        assertEquals(List.of(field + " was 'scope string' and is gone"), noticed(file -> {
            file.getMessageTypeBuilder(message(file, "RemoveClusterRequest"))
                    .getFieldBuilder(0)
                    .setNumber(2);
            return file;
        }));
        assertEquals(List.of(field + " was 'scope string' and is 'name string'"), noticed(file -> {
            file.getMessageTypeBuilder(message(file, "RemoveClusterRequest"))
                    .getFieldBuilder(0)
                    .setName("name");
            return file;
        }));
        assertEquals(List.of(field + " was 'scope string' and is 'scope bytes'"), noticed(file -> {
            file.getMessageTypeBuilder(message(file, "RemoveClusterRequest"))
                    .getFieldBuilder(0)
                    .setType(com.google.protobuf.DescriptorProtos.FieldDescriptorProto.Type.TYPE_BYTES);
            return file;
        }));
    }

    @Test
    void aFieldOrAnRpcThatIsGoneIsNoticed() throws Exception {
        assertEquals(
                List.of("field matriarch.control.v1.RemoveClusterRequest 1 was 'scope string' and is gone"),
                noticed(file -> {
                    file.getMessageTypeBuilder(message(file, "RemoveClusterRequest"))
                            .clearField();
                    return file;
                }));
        assertEquals(
                List.of("rpc matriarch.control.v1.ControlService/Reload was 'matriarch.control.v1.ReloadRequest ->"
                        + " matriarch.control.v1.ActionReply' and is gone"),
                noticed(file -> {
                    var service = file.getServiceBuilder(0);
                    for (int i = service.getMethodCount() - 1; i >= 0; i--) {
                        if (service.getMethod(i).getName().equals("Reload")) {
                            service.removeMethod(i);
                        }
                    }
                    return file;
                }));
    }
}
