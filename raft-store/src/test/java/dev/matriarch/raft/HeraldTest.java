package dev.matriarch.raft;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.ConnectException;
import java.net.NoRouteToHostException;
import org.apache.ratis.thirdparty.io.grpc.Status;
import org.junit.jupiter.api.Test;

/** Who is waited for before a peer takes part in its store. */
class HeraldTest {
    private static boolean isSilent(Status status, Exception cause) {
        return Herald.isSilent(status.withCause(cause).asRuntimeException());
    }

    @Test
    void whoRefusesTheConnectionIsNotWaitedFor() {
        assertFalse(isSilent(Status.UNAVAILABLE, new Exception(new ConnectException("Connection refused"))));
    }

    @Test
    void whoCannotBeReachedIsAskedAgain() {
        assertTrue(isSilent(Status.UNAVAILABLE, new Exception(new NoRouteToHostException("No route to host"))));
        assertTrue(isSilent(Status.UNAVAILABLE, new Exception()));
        assertTrue(isSilent(Status.DEADLINE_EXCEEDED, null));
    }

    @Test
    void anAnswerOfAnyOtherKindIsOne() {
        assertFalse(isSilent(Status.UNIMPLEMENTED, null));
    }
}
