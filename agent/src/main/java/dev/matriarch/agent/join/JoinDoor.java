package dev.matriarch.agent.join;

import dev.matriarch.agent.certificates.Members;
import dev.matriarch.agent.config.AgentConfig;
import dev.matriarch.agent.config.ConfigSource;
import dev.matriarch.agent.rpc.LocalAgent;
import dev.matriarch.agent.rpc.Peers;
import dev.matriarch.dcs.DcsException;
import dev.matriarch.tls.TlsFiles;
import dev.matriarch.tls.authority.OwnCertificate;
import io.grpc.BindableService;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** What a member's control port offers to those who join, and when. */
public final class JoinDoor {
    /** After a token's end: whoever comes late is told so, instead of being turned away by TLS without a word. */
    private static final Duration LATECOMERS = Duration.ofMinutes(10);

    private JoinDoor() {}

    /**
     * Whether somebody without a certificate may connect: only while there is a token, or was one a moment ago. Returns at once;
     * any thread.
     */
    public static boolean isAjar(JoinStore store) {
        return store.anyEndsAfter(Instant.now().minus(LATECOMERS));
    }

    /** Lets nobody in by a token that is open now. @return what was done, in a sentence; empty: there was none, or there are no tokens */
    public static Optional<String> revokeTokens(JoinStore store) {
        Instant now = Instant.now();
        int revoked = 0;
        try {
            for (JoinStore.Token token : store.latestTokens()) {
                if (TokenJudge.objection(token.note(), now).isEmpty()
                        && store.change(
                                token,
                                token.note().toBuilder()
                                        .setRevokedMillis(now.toEpochMilli())
                                        .build())) {
                    revoked++;
                }
            }
        } catch (DcsException | RuntimeException e) {
            return Optional.of("The open tokens for new members could not be revoked (" + e.getMessage()
                    + "); they let nobody in once the new authority signs");
        }
        return revoked == 0 ? Optional.empty() : Optional.of("Open tokens for new members were revoked: " + revoked);
    }

    /**
     * @param store absent: the cluster's keys are in another one than the built-in
     * @param own absent: this member has no authority's key, and nobody joins here
     */
    public static List<BindableService> services(
            LocalAgent agent,
            Members members,
            Peers peers,
            Optional<JoinStore> store,
            Optional<OwnCertificate> own,
            ConfigSource source) {
        AgentConfig config = source.current().config();
        List<BindableService> services = new ArrayList<>();
        services.add(new TokenEndpoint(
                agent, members, peers, store, own, config.control().connectAddress()));
        Optional<TlsFiles.Own> files = config.tls().flatMap(TlsFiles::own);
        if (store.isPresent() && files.isPresent()) {
            services.add(new JoinEndpoint(agent, store.get(), files.get(), source));
        }
        return services;
    }
}
