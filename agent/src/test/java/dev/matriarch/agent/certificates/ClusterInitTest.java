package dev.matriarch.agent.certificates;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.agent.config.ConfigFile;
import dev.matriarch.agent.config.ConfigProblems;
import dev.matriarch.agent.config.NodeConfig;
import dev.matriarch.agent.config.WitnessConfig;
import dev.matriarch.tls.LiveTls;
import dev.matriarch.tls.authority.CertificateAuthority;
import dev.matriarch.tls.authority.Fingerprint;
import dev.matriarch.tls.authority.OwnCertificate;
import dev.matriarch.tls.authority.OwnFiles;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code matriarch cluster init}. */
class ClusterInitTest {
    private static final String MEMBER = """
            scope: demo
            name: NAME
            restapi: {listen: "127.0.0.1:8008"}
            raft: {data_dir: DIR/raft, self_addr: "127.0.0.1:7000"}
            postgresql:
              listen: 127.0.0.1:5432
              data_dir: DIR/data
              authentication:
                superuser: {username: postgres, password: secret}
                replication: {username: replicator, password: secret}
            """;

    @TempDir
    Path dir;

    private Path file;
    private String said = "";

    @BeforeEach
    void configuration() throws Exception {
        file = member("n1");
    }

    private Path member(String name) throws Exception {
        Path home = Files.createDirectories(dir.resolve(name));
        Path written = home.resolve("matriarch.yml");
        Files.writeString(written, MEMBER.replace("NAME", name).replace("DIR", home.toString()));
        Files.setPosixFilePermissions(written, PosixFilePermissions.fromString("rw-r-----"));
        return written;
    }

    private int matriarchCluster(String... arguments) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        PrintStream stream = new PrintStream(out, true, StandardCharsets.UTF_8);
        int code = ClusterCommand.run(arguments, Map.of(), stream, stream);
        said = out.toString(StandardCharsets.UTF_8);
        return code;
    }

    private OwnFiles tls(String name) {
        return new OwnFiles(dir.resolve(name).resolve("raft-tls"));
    }

    @Test
    void theFirstNodeGetsAnAuthorityACertificateAndASectionInItsFile() throws Exception {
        String before = Files.readString(file);
        assertEquals(0, matriarchCluster("init", file.toString()), () -> said);
        assertTrue(
                said.contains("authority and certificate made in " + tls("n1").directory()), said);
        assertTrue(Files.readString(file).startsWith(before));
        assertEquals("rw-r-----", PosixFilePermissions.toString(Files.getPosixFilePermissions(file)));
        LiveTls opened = new LiveTls(ConfigFile.load(file, Map.of()).tls().orElseThrow(), s -> {});
        assertEquals(
                "O=demo,CN=n1", opened.certificate().getSubjectX500Principal().getName());
        assertEquals(2, files(dir.resolve("n1")));
    }

    private static long files(Path directory) throws Exception {
        try (var all = Files.list(directory)) {
            return all.count();
        }
    }

    @Test
    void aFurtherNodeAndAWitnessGetCertificatesOfTheFirstOnesAuthority() throws Exception {
        assertEquals(0, matriarchCluster("init", file.toString()), () -> said);
        String authority = tls("n1").directory().resolve("authority.pem").toString();
        assertEquals(
                0,
                matriarchCluster("init", "--authority", authority, member("n2").toString()),
                () -> said);
        assertEquals(tls("n1").trusted(), tls("n2").trusted());
        tls("n2").certificate().verify(tls("n1").authorityCertificate().getPublicKey());

        Path witness = Files.createDirectories(dir.resolve("w")).resolve("witness.yml");
        Files.writeString(
                witness,
                "{scope: demo, name: w, raft: {data_dir: " + dir
                        + "/w/raft, self_addr: '127.0.0.1:7002'}, tls: {directory: " + dir + "/w/raft-tls}}");
        assertEquals(0, matriarchCluster("init", "--authority", authority, witness.toString()), () -> said);
        assertEquals(
                tls("w").node(),
                WitnessConfig.load(witness, Map.of()).tls().orElseThrow().certificate());
    }

    @Test
    void theFileKeepsItsGroup() throws Exception {
        try {
            Files.setAttribute(file, "unix:gid", 1);
        } catch (java.io.IOException e) {
            // Only root may give it to a group that it is no member of; then it stays in the one that it has.
            said = e.getMessage();
        }
        Object before = Files.getAttribute(file, "unix:gid");
        assertEquals(0, matriarchCluster("init", file.toString()), () -> said);
        assertEquals(before, Files.getAttribute(file, "unix:gid"));
        assertEquals("rw-r-----", PosixFilePermissions.toString(Files.getPosixFilePermissions(file)));
    }

    @Test
    void anAuthorityThatHasExpiredIsRefused() throws Exception {
        Path expired = dir.resolve("authority.pem");
        Files.writeString(
                expired,
                CertificateAuthority.create("demo", Instant.now().minus(CertificateAuthority.LIFETIME))
                        .pem());
        String before = Files.readString(file);
        assertEquals(1, matriarchCluster("init", "--authority", expired.toString(), file.toString()));
        assertTrue(said.contains("has expired at"), said);
        assertEquals(before, Files.readString(file));
        assertFalse(tls("n1").isUsed());
    }

    @Test
    void whatCannotBeMadeLeavesNoDraft() throws Exception {
        Files.writeString(dir.resolve("n1").resolve("raft-tls"), "no directory");
        String before = Files.readString(file);
        assertEquals(1, matriarchCluster("init", file.toString()), () -> said);
        assertEquals(before, Files.readString(file));
        assertFalse(Files.exists(dir.resolve("n1").resolve("matriarch.yml.new")));
    }

    @Test
    void certificatesThatAreThereStay() throws Exception {
        assertEquals(0, matriarchCluster("init", file.toString()), () -> said);
        var before = tls("n1").certificate();
        assertEquals(1, matriarchCluster("init", file.toString()));
        assertTrue(said.contains("holds certificates already, and was not changed"), said);
        assertEquals(before, tls("n1").certificate());
    }

    @Test
    void whoBringsCertificatesGetsNone() throws Exception {
        Files.writeString(
                file, Files.readString(file) + "tls: {ca: /dev/null, certificate: /dev/null, key: /dev/null}\n");
        String before = Files.readString(file);
        assertEquals(1, matriarchCluster("init", file.toString()));
        assertTrue(said.contains("names certificates that you bring yourself"), said);
        assertEquals(before, Files.readString(file));
        assertFalse(tls("n1").isUsed());
    }

    @Test
    void aFileThatTakesNoSectionAtItsEndIsLeftAlone() throws Exception {
        Files.writeString(file, Files.readString(file) + "...\n---\n");
        String before = Files.readString(file);
        assertEquals(1, matriarchCluster("init", file.toString()));
        assertTrue(said.contains("Add it yourself, and try again:") && said.contains("  directory: '"), said);
        assertEquals(before, Files.readString(file));
        assertFalse(tls("n1").isUsed());
        assertEquals(1, files(dir.resolve("n1")));
    }

    @Test
    void aBadConfigurationIsNotChanged() throws Exception {
        Files.writeString(file, Files.readString(file) + "nonsense: 1\n");
        assertEquals(2, matriarchCluster("init", file.toString()));
        assertTrue(said.contains("nonsense"), said);
        assertFalse(tls("n1").isUsed());
    }

    @Test
    void anAgentWithoutItsCertificatesIsToldWhatToDo() throws Exception {
        Files.writeString(
                file, Files.readString(file) + "tls: {directory: " + tls("n1").directory() + "}\n");
        try {
            ConfigFile.load(file, Map.of());
        } catch (ConfigProblems problems) {
            assertTrue(problems.getMessage().contains("matriarch cluster init FILE"), problems::getMessage);
            return;
        }
        throw new AssertionError("it was accepted");
    }

    @Test
    void anAuthorityIsMadeForNodesThatBeginWithIt() throws Exception {
        Path made = dir.resolve("authority.pem");
        assertEquals(0, matriarchCluster("authority", "--scope", "demo", made.toString()), () -> said);
        assertEquals("rw-------", PosixFilePermissions.toString(Files.getPosixFilePermissions(made)));
        CertificateAuthority authority = CertificateAuthority.read(made);
        assertTrue(said.contains(Fingerprint.of(authority.certificate())), said);
        String before = Files.readString(made);
        assertEquals(1, matriarchCluster("authority", made.toString()));
        assertTrue(said.contains("exists already and was not changed"), said);
        assertEquals(before, Files.readString(made));
        assertEquals(
                1, matriarchCluster("authority", dir.resolve("nowhere/a.pem").toString()));
        assertEquals(0, matriarchCluster("authority", "-"));
        assertTrue(CertificateAuthority.parse(said)
                .certificate()
                .getSubjectX500Principal()
                .getName()
                .startsWith("CN=matriarch authority "));
        assertFalse(said.contains("SHA-256"), said);

        // A configuration that names it is taken without certificates, and the first one is made at the start.
        Files.writeString(
                file,
                Files.readString(file) + "tls: {directory: " + tls("n1").directory() + ", authority: " + made + "}\n");
        ConfigFile.load(file, Map.of());
        OwnCertificate own = OwnTls.of(NodeConfig.load(file, Map.of())).orElseThrow();
        Instant now = Instant.now();
        assertTrue(own.beginIfEmpty(now).orElseThrow().contains(made.toString()));
        tls("n1").certificate().verify(authority.certificate().getPublicKey());
        assertEquals(Optional.empty(), own.beginIfEmpty(now));

        // Afterwards the directory counts: the authority may have been changed meanwhile.
        CertificateAuthority changed = CertificateAuthority.create("demo", now);
        tls("n1").keepAuthority(changed);
        tls("n1").trust(List.of(changed.certificate()));
        Files.delete(tls("n1").node());
        Files.delete(made);
        ConfigFile.load(file, Map.of());
        assertTrue(own.beginIfEmpty(now).isPresent());
        tls("n1").certificate().verify(changed.certificate().getPublicKey());
    }

    @Test
    void initTakesTheAuthorityThatTheFileNames() throws Exception {
        Path made = dir.resolve("authority.pem");
        Files.writeString(
                file,
                Files.readString(file) + "tls: {directory: " + tls("n1").directory() + ", authority: " + made + "}\n");
        ConfigProblems unreadable = assertThrows(ConfigProblems.class, () -> ConfigFile.load(file, Map.of()));
        assertTrue(unreadable.getMessage().contains("matriarch cluster authority FILE"), unreadable::getMessage);
        assertEquals(0, matriarchCluster("authority", made.toString()), () -> said);
        assertEquals(0, matriarchCluster("init", file.toString()), () -> said);
        assertEquals(CertificateAuthority.read(made).certificate(), tls("n1").authorityCertificate());
    }

    @Test
    void anAuthorityWithoutADirectoryIsRefused() throws Exception {
        Files.writeString(
                file,
                Files.readString(file)
                        + "tls: {authority: /dev/null, ca: /dev/null, certificate: /dev/null, key: /dev/null}\n");
        ConfigProblems refused = assertThrows(ConfigProblems.class, () -> ConfigFile.load(file, Map.of()));
        assertTrue(refused.getMessage().contains("tls.authority"), refused::getMessage);
        assertTrue(refused.getMessage().contains("it needs tls.directory"), refused::getMessage);
    }
}
