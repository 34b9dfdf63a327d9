package dev.matriarch.agent.loop;

import dev.matriarch.agent.config.AgentConfig;
import dev.matriarch.agent.config.RestConfig;
import dev.matriarch.rest.RestSettings;
import java.util.Optional;

/** Translates the configuration into what the REST door wants to know. */
public final class RestSettingsOf {
    private RestSettingsOf() {}

    static RestSettings config(AgentConfig config) {
        return config(config.rest());
    }

    public static RestSettings config(RestConfig rest) {
        return new RestSettings(
                rest.listen().host(),
                rest.listen().port(),
                rest.queue(),
                rest.tls()
                        .map(t -> new RestSettings.Tls(
                                t.certfile(),
                                t.keyfile(),
                                t.keyPassword(),
                                t.cafile(),
                                t.ciphers(),
                                switch (t.verifyClient()) {
                                    case NONE -> RestSettings.VerifyClient.NONE;
                                    case OPTIONAL -> RestSettings.VerifyClient.OPTIONAL;
                                    case REQUIRED -> RestSettings.VerifyClient.REQUIRED;
                                })),
                new RestSettings.Guests(
                        rest.authentication().map(a -> new RestSettings.Credentials(a.username(), a.password())),
                        rest.guests().allowlist(),
                        rest.guests().members()),
                new RestSettings.Headers(
                        rest.answers().headers(),
                        rest.answers().headersOverTls(),
                        switch (rest.answers().serverTokens()) {
                            case ORIGINAL -> Optional.empty();
                            case MINIMAL -> Optional.of("Matriarch/" + Version.TEXT);
                            case PRODUCT_ONLY -> Optional.of("Matriarch");
                        }),
                rest.ui());
    }
}
