package dev.matriarch.ctl;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.tls.Authority;
import dev.matriarch.tls.LiveTls;
import dev.matriarch.tls.TlsFiles;
import io.grpc.netty.shaded.io.grpc.netty.GrpcSslContexts;
import io.grpc.netty.shaded.io.netty.handler.ssl.ClientAuth;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslContextBuilder;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslProvider;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Asking an agent whose control port wants certificates. */
@Timeout(60)
class TlsTest {
    @TempDir
    static Path dir;

    private static TlsFiles agentsOwn;
    private static TlsFiles admin;
    private static TlsFiles expired;
    private static TlsFiles elsewhere;
    private static TlsFiles foreign;

    private final List<String> refusals = Collections.synchronizedList(new ArrayList<>());
    private FakeAgent agent;

    @BeforeAll
    static void certificates() throws Exception {
        Authority ca = new Authority(dir, "ca");
        agentsOwn = ca.issue("n1");
        admin = ca.issue("admin");
        expired = ca.issue("late", "IP:127.0.0.1", "-days -1");
        elsewhere = ca.issue("elsewhere", "DNS:elsewhere.example.org", "-days 5");
        foreign = new Authority(dir, "strangers").issue("foreign");
        ca.openssl("pkcs8 -topk8 -v2 aes256 -in admin.key -out admin.enc -passout pass:sesame");
    }

    @AfterEach
    void close() {
        agent.close();
    }

    private void agent(TlsFiles files) throws Exception {
        LiveTls live = new LiveTls(files, refusals::add);
        agent = new FakeAgent(GrpcSslContexts.configure(SslContextBuilder.forServer(live.keyManager()), SslProvider.JDK)
                        .trustManager(live.trustManager())
                        .clientAuth(ClientAuth.REQUIRE)
                        .build())
                .start();
    }

    private CtlRun list(String more, String... options) throws Exception {
        Path file = Files.writeString(
                Files.createTempFile(dir, "ctl", ".yaml"),
                "ctl:\n  endpoints: ['" + agent.endpoint() + "']\n" + more.replace("DIR", dir.toString()));
        List<String> arguments = new ArrayList<>(List.of("-c", file.toString(), "list"));
        arguments.addAll(List.of(options));
        return CtlRun.of(Map.of(), "", arguments.toArray(String[]::new));
    }

    private static void said(CtlRun run, int code, String... any) {
        assertTrue(List.of(any).stream().anyMatch(run::says), run::toString);
        assertEquals(code, run.code(), run::toString);
    }

    private static String mine(String name) {
        return "  cacert: DIR/ca.crt\n  certfile: DIR/" + name + ".crt\n  keyfile: DIR/" + name + ".key\n";
    }

    @Test
    void certificatesOfTheSameAuthorityWork() throws Exception {
        agent(agentsOwn);
        said(list(mine("admin")), 0, "Cluster: demo");
        said(
                list(
                        "  cacert: DIR/ca.crt\n  certfile: DIR/admin.crt\n  keyfile: DIR/admin.enc\n  keyfile_password: sesame\n"),
                0,
                "Cluster: demo");
        said(list("tls:\n  ca: DIR/ca.crt\n  certificate: DIR/n1.crt\n  key: DIR/n1.key\n"), 0, "Cluster: demo");
        assertEquals(List.of(), refusals);
    }

    @Test
    void theEnvironmentComesFirst() throws Exception {
        agent(agentsOwn);
        CtlRun run = CtlRun.of(
                Map.of(
                        "PATRONI_CTL_CACERT", agentsOwn.ca().toString(),
                        "PATRONI_CTL_CERTFILE", admin.certificate().toString(),
                        "PATRONI_CTL_KEYFILE", admin.key().toString()),
                "",
                "--endpoint",
                agent.endpoint(),
                "list");
        said(run, 0, "Cluster: demo");
    }

    @Test
    void whoShowsNothingIsToldWhatIsMissing() throws Exception {
        agent(agentsOwn);
        said(list(""), 3, "it does not speak plain text; if it asks for TLS, give ctl.cacert");
        said(list("  cacert: DIR/ca.crt\n"), 3, "it asks for a client certificate", "of which there is none");
    }

    @Test
    void aForeignOrExpiredCertificateIsRefused() throws Exception {
        agent(agentsOwn);
        said(
                list(mine("foreign")),
                3,
                "refused this side's certificate " + foreign.certificate(),
                "perhaps it refuses this side's");
        assertTrue(refusals.getFirst().contains("CN=foreign was issued by CN=strangers"), refusals::toString);
        refusals.clear();
        said(
                list(mine("late")),
                3,
                "refused this side's certificate " + expired.certificate(),
                "perhaps it refuses this side's");
        assertTrue(refusals.getFirst().contains("CN=late expired at"), refusals::toString);
    }

    @Test
    void anAgentThatIsNotTheRightOneIsNamed() throws Exception {
        agent(new TlsFiles(agentsOwn.ca(), foreign.certificate(), foreign.key(), Optional.empty()));
        said(
                list(mine("admin")),
                3,
                "CN=foreign (shown by 127.0.0.1) was issued by CN=strangers, which is none of the authorities in "
                        + agentsOwn.ca());
        said(list(mine("admin"), "--insecure"), 0, "Cluster: demo");
        said(list(mine("admin") + "  insecure: true\n"), 0, "Cluster: demo");
    }

    @Test
    void anAgentOnAnotherHostIsNamed() throws Exception {
        agent(elsewhere);
        said(list(mine("admin")), 3, "is made for elsewhere.example.org, not for 127.0.0.1");
        said(list(mine("admin"), "-k"), 0, "Cluster: demo");
    }

    @Test
    void anAgentWithoutTlsIsNamed() throws Exception {
        agent = new FakeAgent().start();
        said(list(mine("admin")), 3, "it speaks no TLS");
        said(list("", "-k"), 0, "Cluster: demo");
    }

    @Test
    void filesThatCannotBeUsedAreNamed() throws Exception {
        agent = new FakeAgent().start();
        said(list("  certfile: DIR/admin.crt\n"), 2, "ctl.cacert is missing");
        said(list("  cacert: DIR/none.crt\n"), 1, "none.crt cannot be read: there is no such file");
        said(
                list("  cacert: DIR/ca.crt\n  certfile: DIR/admin.crt\n  keyfile: DIR/n1.key\n"),
                1,
                "n1.key is not that of the");
        said(list("  keyfile: DIR/n1.key\n"), 2, "ctl.keyfile is given without ctl.certfile");
    }
}
