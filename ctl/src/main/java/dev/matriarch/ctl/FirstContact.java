package dev.matriarch.ctl;

import io.grpc.Attributes;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptor;
import io.grpc.ClientTransportFilter;
import io.grpc.ForwardingClientCall;
import io.grpc.ForwardingClientCallListener;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;

/**
 * Knows of one channel whether its other end has ever greeted this side. A connection that breaks before that was perhaps
 * refused, which one that breaks later was not; the failures of both read alike. Safe for use by several threads.
 */
final class FirstContact extends ClientTransportFilter implements ClientInterceptor {
    /** Among the causes of a failure: the other side had not said anything yet that was understood. */
    static final class Unmet extends Exception {
        private static final long serialVersionUID = 1L;

        private Unmet(Throwable cause) {
            super(null, cause, false, false);
        }
    }

    private volatile boolean met;

    private FirstContact() {}

    static void watch(NettyChannelBuilder channel) {
        FirstContact contact = new FirstContact();
        channel.addTransportFilter(contact).intercept(contact);
    }

    static boolean missing(Throwable failure) {
        for (Throwable t = failure; t != null; t = t.getCause()) {
            if (t instanceof Unmet) {
                return true;
            }
        }
        return false;
    }

    /** With the other side's settings: after the handshake, and after the other side's verdict on a certificate. */
    @Override
    public Attributes transportReady(Attributes attributes) {
        met = true;
        return attributes;
    }

    @Override
    public <Q, A> ClientCall<Q, A> interceptCall(MethodDescriptor<Q, A> method, CallOptions options, Channel next) {
        return new ForwardingClientCall.SimpleForwardingClientCall<>(next.newCall(method, options)) {
            @Override
            public void start(Listener<A> listener, Metadata headers) {
                super.start(
                        new ForwardingClientCallListener.SimpleForwardingClientCallListener<>(listener) {
                            @Override
                            public void onClose(Status status, Metadata trailers) {
                                boolean unmet = status.getCode() == Status.Code.UNAVAILABLE && !met;
                                super.onClose(
                                        unmet ? status.withCause(new Unmet(status.getCause())) : status, trailers);
                            }
                        },
                        headers);
            }
        };
    }
}
