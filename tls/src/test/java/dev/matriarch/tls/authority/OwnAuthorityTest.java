package dev.matriarch.tls.authority;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.tls.LiveTls;
import dev.matriarch.tls.Pem;
import dev.matriarch.tls.TlsFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.cert.X509Certificate;
import java.security.spec.ECGenParameterSpec;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The cluster's own authority: what it makes, where that is kept, and when it is made anew. */
class OwnAuthorityTest {
    private static final Instant NOW = Instant.parse("2026-11-22T00:00:00Z");
    private static final Duration LIFE = Duration.ofDays(90);
    private static final NodeName N1 = new NodeName("n1", "demo", List.of("10.0.0.1", "fd00::1", "db1.example"));

    @TempDir
    Path dir;

    private static X509Certificate issued(CertificateAuthority authority, Duration life) {
        return authority.issue(
                CertificateAuthority.newKey().getPublic(), N1.name(), N1.cluster(), N1.hosts(), NOW, life);
    }

    private OwnFiles formed(CertificateAuthority authority) throws IOException {
        OwnFiles files = new OwnFiles(dir.resolve("tls"));
        files.create();
        files.keepAuthority(authority);
        files.trust(List.of(authority.certificate()));
        return files;
    }

    @Test
    void aCertificateIsForServerAndClientAndForItsHosts() throws Exception {
        CertificateAuthority authority = CertificateAuthority.create("demo", NOW);
        X509Certificate made = issued(authority, LIFE);
        made.verify(authority.certificate().getPublicKey());
        assertEquals("O=demo,CN=n1", made.getSubjectX500Principal().getName());
        assertEquals(-1, made.getBasicConstraints());
        assertEquals(List.of("1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"), made.getExtendedKeyUsage());
        assertEquals(List.of("10.0.0.1", "fd00:0:0:0:0:0:0:1", "db1.example"), Renewal.names(made));
        assertEquals(NOW.plus(LIFE), made.getNotAfter().toInstant());
        assertTrue(made.getNotBefore().toInstant().isBefore(NOW));
        assertEquals(0, authority.certificate().getBasicConstraints());
        assertTrue(authority.certificate().getSubjectX500Principal().getName().startsWith("CN=demo authority "));
    }

    @Test
    void noCertificateOutlivesItsAuthority() {
        CertificateAuthority authority = CertificateAuthority.create("demo", NOW);
        assertEquals(
                authority.certificate().getNotAfter(),
                issued(authority, CertificateAuthority.LIFETIME.multipliedBy(2)).getNotAfter());
    }

    @Test
    void anAuthorityIsReadBackAndOneWithAForeignKeyIsRefused() throws Exception {
        CertificateAuthority authority = CertificateAuthority.create("demo", NOW);
        assertEquals(
                authority.certificate(),
                CertificateAuthority.parse(authority.pem()).certificate());
        CertificateAuthority other = CertificateAuthority.create("demo", NOW);
        assertNotEquals(Fingerprint.of(authority.certificate()), Fingerprint.of(other.certificate()));
        String mixed = PemText.of(authority.certificate())
                + other.pem().substring(other.pem().indexOf("-----BEGIN PRIVATE"));
        IOException refused = assertThrows(IOException.class, () -> CertificateAuthority.parse(mixed));
        assertTrue(refused.getMessage().contains("is not that of the authority's certificate"), refused::getMessage);
        String leaf = PemText.of(issued(authority, LIFE))
                + authority.pem().substring(authority.pem().indexOf("-----BEGIN PRIVATE"));
        assertTrue(assertThrows(IOException.class, () -> CertificateAuthority.parse(leaf))
                .getMessage()
                .contains("is no authority"));
        assertThrows(
                IOException.class,
                () -> CertificateAuthority.parse(authority.pem().substring(0, 200)));
    }

    @Test
    void filesAreTheirOwnersOnly() throws Exception {
        OwnFiles files = formed(CertificateAuthority.create("demo", NOW));
        files.issue(N1, LIFE, NOW);
        assertEquals("rwx------", PosixFilePermissions.toString(Files.getPosixFilePermissions(files.directory())));
        for (String name : List.of("authority.pem", "ca.crt", "node.pem")) {
            assertEquals(
                    "rw-------",
                    PosixFilePermissions.toString(
                            Files.getPosixFilePermissions(files.directory().resolve(name))),
                    name);
        }
        try (var all = Files.list(files.directory())) {
            assertEquals(3, all.count());
        }
    }

    @Test
    void aCertificateIsRenewedAfterTwoThirdsOfItsLife() {
        CertificateAuthority authority = CertificateAuthority.create("demo", NOW);
        X509Certificate made = issued(authority, LIFE);
        assertEquals(Optional.empty(), due(made, authority, NOW));
        assertEquals(Optional.empty(), due(made, authority, NOW.plus(Duration.ofDays(55))));
        assertTrue(due(made, authority, NOW.plus(Duration.ofDays(61))).isPresent());
        assertTrue(due(made, authority, NOW.plus(Duration.ofDays(61))).get().contains("valid until"));
        Instant at = Renewal.at(made);
        assertEquals(Optional.empty(), due(made, authority, at.minusSeconds(1)));
        assertTrue(due(made, authority, at).isPresent());
        assertTrue(due(made, authority, NOW.plus(LIFE).plusSeconds(1)).isPresent());
    }

    @Test
    void theDaysOfRenewalDiffer() {
        CertificateAuthority authority = CertificateAuthority.create("demo", NOW);
        assertTrue(java.util.stream.Stream.generate(() -> Renewal.at(issued(authority, LIFE)))
                        .limit(8)
                        .distinct()
                        .count()
                > 4);
    }

    @Test
    void theShortestLifeLastsUntilItIsLookedAt() {
        CertificateAuthority authority = CertificateAuthority.create("demo", NOW);
        X509Certificate made = issued(authority, Duration.ofSeconds(60));
        assertEquals(Optional.empty(), due(made, authority, NOW.plusSeconds(30)));
        assertTrue(due(made, authority, NOW.plusSeconds(45)).isPresent());
    }

    @Test
    void whatDoesNotFitIsRenewedAtOnce() {
        CertificateAuthority authority = CertificateAuthority.create("demo", NOW);
        X509Certificate made = issued(authority, LIFE);
        assertTrue(due(made, authority, NOW.minus(1, ChronoUnit.DAYS)).get().contains("the clock was ahead"));
        assertEquals(
                Optional.of("it is not made for 10.0.0.9"),
                Renewal.due(made, List.of("10.0.0.1", "10.0.0.9"), authority.certificate(), NOW));
        assertTrue(
                due(made, CertificateAuthority.create("demo", NOW), NOW).get().contains("another authority"));
    }

    @Test
    void theEndOfAnAuthorityIsSaidAndNothingIsRenewedInVain() {
        CertificateAuthority authority = CertificateAuthority.create("demo", NOW);
        Instant end = authority.certificate().getNotAfter().toInstant();
        assertEquals(Optional.empty(), AuthorityEnd.near(authority.certificate(), end.minus(Duration.ofDays(91))));
        assertFalse(AuthorityEnd.near(authority.certificate(), end.minus(Duration.ofDays(80)))
                .orElseThrow()
                .urgent());
        assertTrue(AuthorityEnd.near(authority.certificate(), end.minus(Duration.ofDays(13)))
                .orElseThrow()
                .urgent());
        assertTrue(AuthorityEnd.near(authority.certificate(), end)
                .orElseThrow()
                .words()
                .contains("has expired"));
        X509Certificate cut = issued(authority, CertificateAuthority.LIFETIME.multipliedBy(2));
        assertEquals(Optional.empty(), due(cut, authority, end.minusSeconds(60)));
    }

    @Test
    void aNodeDoesNotSignWithAnAuthorityThatItDoesNotTrust() throws Exception {
        OwnFiles files = formed(CertificateAuthority.create("demo", NOW));
        X509Certificate before = files.issue(N1, LIFE, NOW);
        files.keepAuthority(CertificateAuthority.create("demo", NOW));
        OwnCertificate own =
                new OwnCertificate(TlsFiles.own(files.directory(), LIFE).own().orElseThrow(), N1);
        IOException refused = assertThrows(IOException.class, () -> own.renewIfDue(NOW));
        assertTrue(refused.getMessage().contains("is none of those in"), refused::getMessage);
        assertEquals(before, files.certificate());
    }

    @Test
    void aDamagedFileIsNamed() throws Exception {
        Path damaged = dir.resolve("damaged.pem");
        Files.writeString(damaged, "-----BEGIN PRIVATE KEY-----\nA\n-----END PRIVATE KEY-----\n");
        IOException refused = assertThrows(IOException.class, () -> Pem.privateKey(damaged, Optional.empty()));
        assertTrue(refused.getMessage().contains(damaged + " is damaged"), refused::getMessage);
    }

    private static Optional<String> due(X509Certificate made, CertificateAuthority authority, Instant now) {
        return Renewal.due(made, N1.hosts(), authority.certificate(), now);
    }

    @Test
    void aDoorShowsTheRenewedCertificate() throws Exception {
        Instant now = Instant.now();
        OwnFiles files = formed(CertificateAuthority.create("demo", now));
        files.issue(N1, LIFE, now);
        TlsFiles tls = TlsFiles.own(files.directory(), LIFE);
        LiveTls door = new LiveTls(tls, sentence -> {});
        OwnCertificate own = new OwnCertificate(tls.own().orElseThrow(), N1);
        assertEquals(Optional.empty(), own.renewIfDue(now));
        assertFalse(door.reloadIfChanged());
        assertTrue(own.renewIfDue(now.plus(Duration.ofDays(70))).isPresent());
        assertTrue(door.reloadIfChanged());
        assertEquals(files.certificate(), door.certificate());
        assertEquals(Pem.certificates(files.node()).getFirst(), door.certificate());
    }

    @Test
    void anExpiredAuthorityRenewsNothingAndSaysSo() throws Exception {
        OwnFiles files = formed(CertificateAuthority.create("demo", NOW));
        X509Certificate before = files.issue(N1, LIFE, NOW);
        OwnCertificate own =
                new OwnCertificate(TlsFiles.own(files.directory(), LIFE).own().orElseThrow(), N1);
        IOException refused = assertThrows(
                IOException.class,
                () -> own.renewIfDue(NOW.plus(CertificateAuthority.LIFETIME).plusSeconds(1)));
        assertTrue(refused.getMessage().contains("has expired at"), refused::getMessage);
        assertEquals(before, files.certificate());
    }

    @Test
    void aRequestShowsThatWhoAsksHasTheKey() throws Exception {
        KeyPair key = CertificateAuthority.newKey();
        String request = CertificateRequest.of(key, "n2");
        assertTrue(request.startsWith("-----BEGIN CERTIFICATE REQUEST-----"), request);
        assertEquals(key.getPublic(), CertificateRequest.key(request));
        // Another's key, with one's own signature.
        KeyPair other = CertificateAuthority.newKey();
        String stolen = CertificateRequest.of(new KeyPair(other.getPublic(), key.getPrivate()), "n2");
        assertTrue(refusedRequest(stolen).contains("was not signed with the key"));
        KeyPairGenerator weak = KeyPairGenerator.getInstance("EC");
        weak.initialize(new ECGenParameterSpec("secp384r1"));
        assertTrue(refusedRequest(CertificateRequest.of(weak.generateKeyPair(), "n2"))
                .contains("P-256"));
        String damaged = request.replaceFirst("(?m)^[A-Za-z0-9+/]{64}$", "A".repeat(64));
        for (String wrong : List.of("", "nonsense", PemText.of(key.getPrivate()), damaged, "x".repeat(20_000))) {
            assertTrue(refusedRequest(wrong).contains("request"), wrong);
        }
    }

    private static String refusedRequest(String pem) {
        return assertThrows(IOException.class, () -> CertificateRequest.key(pem))
                .getMessage();
    }
}
