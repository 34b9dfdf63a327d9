package dev.matriarch.kubernetes;

import dev.matriarch.kubernetes.KubernetesSettings.KubeConfig;
import dev.matriarch.kubernetes.KubernetesSettings.Plain;
import dev.matriarch.kubernetes.KubernetesSettings.ServiceAccount;
import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.ConfigBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import io.fabric8.kubernetes.client.jdkhttp.JdkHttpClientFactory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** Makes Fabric8's client: addresses, certificates and names out of the settings. */
final class Connection {
    private static final int CONNECT_MILLIS = 2000;
    private static final int REQUEST_MILLIS = 10_000;
    private static final int RECONNECT_MILLIS = 500;
    private static final int LOGIN_SECONDS = 30;

    private Connection() {}

    static KubernetesClient client(KubernetesSettings.Access access) throws IOException {
        Config config = switch (access) {
            case ServiceAccount account -> {
                ConfigBuilder builder = new ConfigBuilder(Config.empty())
                        .withMasterUrl(account.server().toString())
                        .withOauthTokenProvider(new TokenFile(account.token()));
                if (account.authorities().isPresent()) {
                    builder.withCaCertFile(readable(account.authorities().get()));
                }
                yield builder.build();
            }
            case KubeConfig file -> {
                Config found = found(file.context());
                if (file.context().isPresent()
                        && (found.getCurrentContext() == null
                                || !file.context()
                                        .get()
                                        .equals(found.getCurrentContext().getName()))) {
                    throw new IOException("there is no context "
                            + file.context().get() + " in the kubeconfig file; kubectl config get-contexts lists them");
                }
                if (file.authorities().isPresent()) {
                    found.setCaCertFile(readable(file.authorities().get()));
                    found.setCaCertData(null);
                }
                yield found;
            }
            case Plain plain ->
                new ConfigBuilder(Config.empty())
                        .withMasterUrl(plain.server().toString())
                        .build();
        };
        // With HTTP/2 a connection that is dead would be used again and again.
        config.setHttp2Disable(true);
        config.setRequestRetryBackoffLimit(0);
        config.setConnectionTimeout(CONNECT_MILLIS);
        config.setRequestTimeout(REQUEST_MILLIS);
        config.setWatchReconnectInterval(RECONNECT_MILLIS);
        try {
            return new KubernetesClientBuilder()
                    .withConfig(config)
                    .withHttpClientFactory(new JdkHttpClientFactory())
                    .build();
        } catch (RuntimeException e) {
            throw new IOException("the certificates or the address cannot be used: " + e.getMessage(), e);
        }
    }

    /** As kubectl's file has it. Its login program, if it names one, is run now. */
    private static Config found(Optional<String> context) throws IOException {
        FutureTask<Config> task = new FutureTask<>(() -> Config.autoConfigure(context.orElse(null)));
        Thread.ofPlatform().name("kubernetes-login").daemon().start(task);
        try {
            return task.get(LOGIN_SECONDS, TimeUnit.SECONDS);
        } catch (TimeoutException e) {
            throw new IOException(
                    "kubectl's file names a login program that has not ended within " + LOGIN_SECONDS + " s", e);
        } catch (ExecutionException e) {
            // Without its text: that may name a token.
            throw new IOException("kubectl's file cannot be used ("
                    + e.getCause().getClass().getSimpleName() + "); try kubectl get pods");
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted while kubectl's file was read", e);
        }
    }

    private static String readable(Path file) throws IOException {
        if (!Files.isReadable(file)) {
            throw new IOException(
                    file + " cannot be read; it is to hold the authority of the API server's certificate");
        }
        return file.toString();
    }
}
