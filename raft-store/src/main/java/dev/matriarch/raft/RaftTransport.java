package dev.matriarch.raft;

import dev.matriarch.tls.EmptyBouncyCastle;
import dev.matriarch.tls.LiveTls;
import java.io.File;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLException;
import org.apache.ratis.RaftConfigKeys;
import org.apache.ratis.conf.Parameters;
import org.apache.ratis.conf.RaftProperties;
import org.apache.ratis.grpc.GrpcConfigKeys;
import org.apache.ratis.grpc.GrpcTlsConfig;
import org.apache.ratis.protocol.RaftGroup;
import org.apache.ratis.protocol.RaftPeerId;
import org.apache.ratis.server.RaftServer;
import org.apache.ratis.server.RaftServerConfigKeys;
import org.apache.ratis.server.storage.RaftStorage.StartupOption;
import org.apache.ratis.thirdparty.io.grpc.ConnectivityState;
import org.apache.ratis.thirdparty.io.grpc.ManagedChannel;
import org.apache.ratis.thirdparty.io.grpc.ServerServiceDefinition;
import org.apache.ratis.thirdparty.io.grpc.netty.GrpcSslContexts;
import org.apache.ratis.thirdparty.io.grpc.netty.NettyChannelBuilder;
import org.apache.ratis.thirdparty.io.netty.handler.ssl.ClientAuth;
import org.apache.ratis.thirdparty.io.netty.handler.ssl.SslContext;
import org.apache.ratis.thirdparty.io.netty.handler.ssl.SslContextBuilder;
import org.apache.ratis.thirdparty.io.netty.handler.ssl.SslProvider;
import org.apache.ratis.thirdparty.io.netty.handler.ssl.util.BouncyCastleUtil;
import org.apache.ratis.util.SizeInBytes;
import org.apache.ratis.util.TimeDuration;

/**
 * Makes every server and every client channel of the store; the one place that knows of TLS. With it, both sides of each
 * connection show a certificate of the cluster's authority, Ratis' connections and our own alike.
 */
final class RaftTransport implements AutoCloseable {
    static {
        // Before a server's context is made, which begins with this search.
        EmptyBouncyCastle.during(BouncyCastleUtil::getBcProviderJce);
    }

    private final RaftStoreSettings settings;
    /** A resumed session is not checked again: none may outlive a certificate for long. */
    private static final Duration LONGEST_SESSION = Duration.ofMinutes(1);

    /** Silence on a connection with a call under way after which it is asked for a sign of life; gRPC allows no less. */
    private static final Duration SILENCE = Duration.ofSeconds(10);
    /** How long that sign may take. */
    private static final Duration SIGN_OF_LIFE = Duration.ofSeconds(3);

    private final PeerAddress bind;
    /** Absent: plain text. */
    private final Optional<SslContext> clientTls;

    private final Map<String, ManagedChannel> channels = new ConcurrentHashMap<>();

    RaftTransport(RaftStoreSettings settings) throws StoreStartException {
        this.settings = settings;
        this.bind = PeerAddress.parse(settings.bindAddress());
        this.clientTls = settings.tls().isPresent()
                ? Optional.of(clientTls(settings.tls().get()))
                : Optional.empty();
    }

    private static SslContext clientTls(LiveTls certificates) throws StoreStartException {
        try {
            return GrpcSslContexts.configure(SslContextBuilder.forClient(), SslProvider.JDK)
                    .keyManager(certificates.keyManager())
                    .trustManager(certificates.trustManager())
                    .sessionTimeout(LONGEST_SESSION.toSeconds())
                    .build();
        } catch (SSLException e) {
            throw noTls(e);
        }
    }

    /** Instead of Ratis' own, which keeps sessions for as long as it likes. */
    private static SslContext serverTls(LiveTls certificates) throws SSLException {
        return GrpcSslContexts.configure(SslContextBuilder.forServer(certificates.keyManager()), SslProvider.JDK)
                .trustManager(certificates.trustManager())
                .clientAuth(ClientAuth.REQUIRE)
                .sessionTimeout(LONGEST_SESSION.toSeconds())
                .build();
    }

    private static StoreStartException noTls(Exception e) {
        return new StoreStartException("The store cannot speak TLS: " + e.getMessage() + ". Nothing was started.", e);
    }

    PeerAddress bind() {
        return bind;
    }

    /**
     * A server that is not started yet.
     *
     * @param group the group to recover; absent: none yet
     * @param extra a service of our own on the same port
     */
    RaftServer server(
            RaftPeerId id,
            Path logDir,
            Optional<RaftGroup> group,
            StoreStateMachine stateMachine,
            ServerServiceDefinition extra)
            throws IOException {
        Parameters parameters = new Parameters();
        Optional<SslContext> serverTls = Optional.empty();
        if (settings.tls().isPresent()) {
            LiveTls certificates = settings.tls().get();
            serverTls = Optional.of(serverTls(certificates));
            GrpcConfigKeys.TLS.setConf(
                    parameters,
                    // The JDK's TLS as everywhere: OpenSSL would be one more native library, in memory and in /tmp.
                    GrpcTlsConfig.newBuilder()
                            .setKeyManager(certificates.keyManager())
                            .setTrustManager(certificates.trustManager())
                            .setMutualTls(true)
                            .setSslProvider(SslProvider.JDK)
                            .build());
        }
        Optional<SslContext> ours = serverTls;
        GrpcConfigKeys.Server.setServicesCustomizer(parameters, (builder, types) -> {
            ours.ifPresent(builder::sslContext);
            return builder.permitKeepAliveTime(SILENCE.toMillis() / 2, TimeUnit.MILLISECONDS)
                    .addService(extra)
                    .intercept(new RecipientCheck(id));
        });
        RaftServer.Builder builder = RaftServer.newBuilder()
                .setServerId(id)
                .setProperties(properties(logDir.toFile()))
                .setParameters(parameters)
                .setOption(StartupOption.RECOVER)
                .setStateMachineRegistry(gid -> stateMachine);
        group.ifPresent(builder::setGroup);
        return builder.build();
    }

    /** The channel to a peer; made once and kept. An earlier failure to connect does not delay the next attempt. */
    ManagedChannel channel(String address) throws StoreStartException {
        ManagedChannel known = channels.get(address);
        if (known == null) {
            PeerAddress peer = PeerAddress.parse(address);
            known = channels.computeIfAbsent(address, a -> connect(peer));
        }
        if (known.getState(false) == ConnectivityState.TRANSIENT_FAILURE) {
            known.resetConnectBackoff();
        }
        return known;
    }

    private ManagedChannel connect(PeerAddress peer) {
        // By name, not by address: the name is what the certificate is compared with.
        NettyChannelBuilder builder = NettyChannelBuilder.forAddress(peer.host(), peer.port())
                .proxyDetector(target -> null)
                // A connection whose other end went away without a word, or whose own address did, would be used for a
                // quarter of an hour.
                .keepAliveTime(SILENCE.toMillis(), TimeUnit.MILLISECONDS)
                .keepAliveTimeout(SIGN_OF_LIFE.toMillis(), TimeUnit.MILLISECONDS)
                .directExecutor();
        clientTls.ifPresentOrElse(builder::sslContext, builder::usePlaintext);
        return builder.build();
    }

    /** Sizes for a small appliance: the state is a few kilobytes and sees ten writes a second. */
    private RaftProperties properties(File logDir) {
        Duration min = settings.electionTimeoutMin();
        Duration max = settings.electionTimeoutMax();
        RaftProperties p = new RaftProperties();
        RaftConfigKeys.Rpc.setType(p, new PromptGrpc());
        GrpcConfigKeys.Server.setHost(p, bind.host());
        GrpcConfigKeys.Server.setPort(p, bind.port());
        GrpcConfigKeys.Server.setAsyncRequestThreadPoolCached(p, false);
        GrpcConfigKeys.Server.setAsyncRequestThreadPoolSize(p, 4);
        GrpcConfigKeys.Server.setLeaderOutstandingAppendsMax(p, 4);
        GrpcConfigKeys.setMessageSizeMax(p, SizeInBytes.valueOf("8MB"));
        GrpcConfigKeys.setFlowControlWindow(p, SizeInBytes.valueOf("256KB"));

        RaftServerConfigKeys.setStorageDir(p, List.of(logDir));
        RaftServerConfigKeys.setStorageFreeSpaceMin(p, SizeInBytes.valueOf("16MB"));
        RaftServerConfigKeys.setCloseThreshold(p, TimeDuration.valueOf(24, TimeUnit.HOURS));
        RaftServerConfigKeys.setSleepDeviationThreshold(p, millis(Math.max(300, min.toMillis())));
        // A new peer gets its vote when it has all but the last few entries, not all but a thousand.
        RaftServerConfigKeys.setStagingCatchupGap(p, 10);
        RaftServerConfigKeys.setStagingTimeout(p, TimeDuration.valueOf(10, TimeUnit.SECONDS));
        RaftServerConfigKeys.Rpc.setTimeoutMin(p, millis(min.toMillis()));
        RaftServerConfigKeys.Rpc.setTimeoutMax(p, millis(max.toMillis()));
        // A JVM that has just started stalls; a first election under those conditions is lost again at once.
        long firstMin = settings.partners().isEmpty() ? min.toMillis() : Math.max(1000, min.toMillis());
        RaftServerConfigKeys.Rpc.setFirstElectionTimeoutMin(p, millis(firstMin));
        RaftServerConfigKeys.Rpc.setFirstElectionTimeoutMax(
                p, millis(settings.partners().isEmpty() ? max.toMillis() : Math.max(2 * firstMin, max.toMillis())));
        RaftServerConfigKeys.Rpc.setRequestTimeout(p, millis(Math.max(1000, 2 * max.toMillis())));
        RaftServerConfigKeys.Rpc.setSlownessTimeout(p, TimeDuration.valueOf(10, TimeUnit.SECONDS));
        RaftServerConfigKeys.LeaderElection.setLeaderStepDownWaitTime(p, millis(Math.max(1000, max.toMillis())));
        RaftServerConfigKeys.LeaderElection.setPreVote(p, true);
        RaftServerConfigKeys.Notification.setNoLeaderTimeout(p, TimeDuration.valueOf(2, TimeUnit.SECONDS));
        RaftServerConfigKeys.RetryCache.setExpiryTime(p, TimeDuration.valueOf(30, TimeUnit.SECONDS));
        RaftServerConfigKeys.Write.setByteLimit(p, SizeInBytes.valueOf("4MB"));
        RaftServerConfigKeys.Write.setElementLimit(p, 512);
        RaftServerConfigKeys.Watch.setElementLimit(p, 256);
        RaftServerConfigKeys.ThreadPool.setClientCached(p, false);
        RaftServerConfigKeys.ThreadPool.setClientSize(p, 2);

        RaftServerConfigKeys.Log.setSegmentSizeMax(p, SizeInBytes.valueOf("2MB"));
        RaftServerConfigKeys.Log.setPreallocatedSize(p, SizeInBytes.valueOf("256KB"));
        RaftServerConfigKeys.Log.setWriteBufferSize(p, SizeInBytes.valueOf("512KB"));
        RaftServerConfigKeys.Log.setQueueByteLimit(p, SizeInBytes.valueOf("4MB"));
        RaftServerConfigKeys.Log.setQueueElementLimit(p, 512);
        RaftServerConfigKeys.Log.setSegmentCacheNumMax(p, 2);
        RaftServerConfigKeys.Log.setSegmentCacheSizeMax(p, SizeInBytes.valueOf("4MB"));
        // Followers hear of commits from PromptAppender.
        RaftServerConfigKeys.Log.setLogMetadataEnabled(p, false);
        RaftServerConfigKeys.Log.setPurgeUptoSnapshotIndex(p, true);
        RaftServerConfigKeys.Log.setPurgePreservationLogNum(p, 1000);
        RaftServerConfigKeys.Log.setCorruptionPolicy(p, RaftServerConfigKeys.Log.CorruptionPolicy.EXCEPTION);
        RaftServerConfigKeys.Log.Appender.setBufferByteLimit(p, SizeInBytes.valueOf("256KB"));
        // A peer that was restarted is heard from again at once, not after Ratis' pauses of one and five seconds.
        RaftServerConfigKeys.Log.Appender.setRetryPolicy(p, "10ms,10, 50ms,100, 250ms,100, 1s,1000000");
        RaftServerConfigKeys.Log.Appender.setSnapshotChunkSizeMax(p, SizeInBytes.valueOf("1MB"));
        RaftServerConfigKeys.Snapshot.setAutoTriggerEnabled(p, true);
        RaftServerConfigKeys.Snapshot.setAutoTriggerThreshold(p, 10_000);
        RaftServerConfigKeys.Snapshot.setRetentionFileNum(p, 2);
        return p;
    }

    private static TimeDuration millis(long millis) {
        return TimeDuration.valueOf(millis, TimeUnit.MILLISECONDS);
    }

    @Override
    public void close() {
        channels.values().forEach(ManagedChannel::shutdownNow);
    }
}
