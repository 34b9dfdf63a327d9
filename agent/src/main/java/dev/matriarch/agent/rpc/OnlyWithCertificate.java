package dev.matriarch.agent.rpc;

import dev.matriarch.proto.control.v1.JoinServiceGrpc;
import io.grpc.Context;
import io.grpc.Contexts;
import io.grpc.Grpc;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.Status;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import javax.net.ssl.SSLPeerUnverifiedException;
import javax.net.ssl.SSLSession;

/**
 * On a port that speaks TLS, who shows no certificate reaches one service: that by which a new host asks for one. Everything
 * else, services that are added later too, is closed to him, however the connection came about.
 */
public final class OnlyWithCertificate implements ServerInterceptor {
    private static final String OPEN = JoinServiceGrpc.SERVICE_NAME;
    private static final Context.Key<String> CALLER = Context.key("caller");

    /** Host of whoever calls, for counting; empty if it is not known. Asked on the thread that begins the call. */
    public static String caller() {
        String caller = CALLER.get();
        return caller == null ? "" : caller;
    }

    @Override
    public <Q, R> ServerCall.Listener<Q> interceptCall(
            ServerCall<Q, R> call, Metadata headers, ServerCallHandler<Q, R> next) {
        SSLSession session = call.getAttributes().get(Grpc.TRANSPORT_ATTR_SSL_SESSION);
        if (OPEN.equals(call.getMethodDescriptor().getServiceName())) {
            SocketAddress from = call.getAttributes().get(Grpc.TRANSPORT_ATTR_REMOTE_ADDR);
            String host = from instanceof InetSocketAddress ip ? ip.getHostString() : "";
            return Contexts.interceptCall(Context.current().withValue(CALLER, host), call, headers, next);
        }
        if (session == null || hasCertificate(session)) {
            return next.startCall(call, headers);
        }
        call.close(
                Status.UNAUTHENTICATED.withDescription("it asks for a client certificate, and this side has none"),
                new Metadata());
        return new ServerCall.Listener<>() {};
    }

    private static boolean hasCertificate(SSLSession session) {
        try {
            return session.getPeerCertificates().length > 0;
        } catch (SSLPeerUnverifiedException e) {
            return false;
        }
    }
}
