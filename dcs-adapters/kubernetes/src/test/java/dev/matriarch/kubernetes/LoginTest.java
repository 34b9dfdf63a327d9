package dev.matriarch.kubernetes;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.contract.Sample;
import dev.matriarch.dcs.http.Budget;
import dev.matriarch.kubernetes.KubernetesSettings.ServiceAccount;
import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.ConfigBuilder;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.OAuthTokenProvider;
import io.fabric8.kubernetes.client.jdkhttp.JdkHttpClientFactory;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Where the token comes from, such as a login program, may fail or hang: the call ends in its time, as one without an answer. */
class LoginTest {
    private static final Duration SHORT = Duration.ofSeconds(1);
    private static final String PATH = "/api/v1/namespaces/default/configmaps";

    private final AtomicReference<OAuthTokenProvider> login = new AtomicReference<>(() -> "good");
    private ApiServers server;
    private KubernetesApi api;

    @BeforeEach
    void start() {
        server = new ApiServers();
        Config config = new ConfigBuilder(Config.empty())
                .withMasterUrl(server.address().toString())
                .withOauthTokenProvider(() -> login.get().getToken())
                .build();
        api = new KubernetesApi(
                new KubernetesClientBuilder()
                        .withConfig(config)
                        .withHttpClientFactory(new JdkHttpClientFactory())
                        .build(),
                Set.of());
    }

    @AfterEach
    void stop() {
        api.close();
        server.close();
    }

    private DcsException failed() {
        return assertTimeoutPreemptively(
                Duration.ofSeconds(30), () -> assertThrows(DcsException.class, () -> api.get(PATH, new Budget(SHORT))));
    }

    private void works() throws DcsException {
        assertEquals(
                "List", api.get(PATH, MockCluster.soon()).path("kind").asText().replace("ConfigMap", ""));
    }

    @Test
    void aTokenThatCannotBeSentIsNotPrinted() throws Exception {
        login.set(() -> "secret\nsecret");
        for (Throwable e = failed(); e != null; e = e.getCause()) {
            assertFalse(e.toString().contains("secret"), e.toString());
        }
        assertFalse(
                api.contact().lastFailure().contains("secret"), api.contact().lastFailure());
        assertTrue(
                api.contact().lastFailure().contains("look at the token"),
                api.contact().lastFailure());
        login.set(() -> "good");
        works();
    }

    @Test
    void aLoginThatFailsIsNoAnswer() throws Exception {
        login.set(() -> {
            throw new KubernetesClientException("on purpose");
        });
        failed();
        login.set(() -> "good");
        works();
    }

    @Test
    void aLoginThatHangsHoldsNobodyUpForLongerThanTheCall() throws Exception {
        CountDownLatch released = new CountDownLatch(1);
        login.set(() -> {
            try {
                released.await();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
            return "late";
        });
        failed();
        failed();
        login.set(() -> "good");
        released.countDown();
        works();
        assertTrue(server.asked.size() <= 2, "what nobody waits for any more is not asked: " + server.asked.size());
    }

    private String shown() {
        return server.asked.getLast().getHeader("Authorization");
    }

    @Test
    void aServiceAccountsTokenIsShownAsItIsRenewedAndTheLastOneWhileThereIsNone(@TempDir Path dir) throws Exception {
        Path file = Files.writeString(dir.resolve("token"), "first\n");
        ServiceAccount account = new ServiceAccount(URI.create(server.address().toString()), file, Optional.empty());
        try (KubernetesApi pod = new KubernetesApi(Connection.client(account), Set.of())) {
            pod.get(PATH, MockCluster.soon());
            assertEquals("Bearer first", shown());
            Files.writeString(file, "second\n");
            Sample.await(Duration.ofSeconds(30), "the renewed one is shown", () -> {
                pod.get(PATH, MockCluster.soon());
                return shown().equals("Bearer second");
            });
            Files.delete(file);
            long gone = System.nanoTime();
            // It is looked for once a second at the most.
            Sample.await(Duration.ofSeconds(30), "it was looked for", () -> {
                pod.get(PATH, MockCluster.soon());
                return System.nanoTime() - gone > Duration.ofMillis(1200).toNanos();
            });
            assertEquals("Bearer second", shown());
        }
    }
}
