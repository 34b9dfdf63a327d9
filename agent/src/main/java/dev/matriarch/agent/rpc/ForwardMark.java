package dev.matriarch.agent.rpc;

import io.grpc.Context;
import io.grpc.Contexts;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;

/** Tells a call that was forwarded by another member from one that comes from a person: it is not forwarded again. */
public final class ForwardMark implements ServerInterceptor {
    private static final Context.Key<String> BY = Context.key("forwarded-by");

    /** Asked on the thread that begins the call. */
    public static boolean isForwarded() {
        return BY.get() != null;
    }

    @Override
    public <Q, R> ServerCall.Listener<Q> interceptCall(
            ServerCall<Q, R> call, Metadata headers, ServerCallHandler<Q, R> next) {
        String by = headers.get(Peers.FORWARDED_BY);
        return by == null
                ? next.startCall(call, headers)
                : Contexts.interceptCall(Context.current().withValue(BY, by), call, headers, next);
    }
}
