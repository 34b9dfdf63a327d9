package dev.matriarch.agent.rpc;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.grpc.Status;
import java.io.IOException;
import java.net.ConnectException;
import org.junit.jupiter.api.Test;

/** Only an order that surely never arrived may be told of as not begun. */
class PassedOnTest {
    @Test
    void whatIsSureAndWhatIsNot() {
        assertTrue(PassedOn.surelyNotBegun(new IllegalArgumentException("no address")));
        assertTrue(PassedOn.surelyNotBegun(Status.UNIMPLEMENTED.asRuntimeException()));
        assertTrue(PassedOn.surelyNotBegun(Status.UNAVAILABLE
                .withCause(new IOException("io exception", new ConnectException("Connection refused")))
                .asRuntimeException()));
        assertFalse(PassedOn.surelyNotBegun(Status.UNAVAILABLE
                .withCause(new IOException("Connection reset by peer"))
                .asRuntimeException()));
        assertFalse(PassedOn.surelyNotBegun(Status.UNAVAILABLE.asRuntimeException()));
        assertFalse(PassedOn.surelyNotBegun(Status.DEADLINE_EXCEEDED.asRuntimeException()));
        assertFalse(PassedOn.surelyNotBegun(Status.CANCELLED.asRuntimeException()));
        assertFalse(PassedOn.surelyNotBegun(Status.INTERNAL.asRuntimeException()));
    }
}
