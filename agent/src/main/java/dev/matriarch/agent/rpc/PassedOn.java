package dev.matriarch.agent.rpc;

import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.net.ConnectException;
import java.net.NoRouteToHostException;
import java.net.UnknownHostException;
import java.nio.channels.UnresolvedAddressException;
import java.util.Set;
import javax.net.ssl.SSLHandshakeException;

/** What the failure of an order that was passed on to another member says of it. */
final class PassedOn {
    /** The other one has read the order and does not carry it out. */
    private static final Set<Status.Code> TURNED_AWAY =
            Set.of(Status.Code.UNIMPLEMENTED, Status.Code.UNAUTHENTICATED, Status.Code.PERMISSION_DENIED);

    private PassedOn() {}

    /** False: it may have been begun, as far as anybody knows here. */
    static boolean surelyNotBegun(RuntimeException failure) {
        if (!(failure instanceof StatusRuntimeException status)) {
            // The call was never made.
            return true;
        }
        if (TURNED_AWAY.contains(status.getStatus().getCode())) {
            return true;
        }
        if (status.getStatus().getCode() != Status.Code.UNAVAILABLE) {
            return false;
        }
        for (Throwable cause = status.getStatus().getCause(); cause != null; cause = cause.getCause()) {
            if (cause instanceof ConnectException
                    || cause instanceof NoRouteToHostException
                    || cause instanceof UnknownHostException
                    || cause instanceof UnresolvedAddressException
                    || cause instanceof SSLHandshakeException) {
                return true;
            }
        }
        return false;
    }
}
