package dev.matriarch.dcs.contract;

import dev.matriarch.dcs.Dcs;
import java.time.Duration;

/** One empty cluster on running servers, as the contract's tests need it. */
public interface StoreUnderTest extends AutoCloseable {
    /** The member's own client: for each member another one, as if it lived on another host. Closed by the test. */
    Dcs connect(String member) throws Exception;

    /** The shortest time to live that this store can be asked for. */
    Duration ttl();

    /** How much later than its ttl a lock may be taken away; never earlier. */
    Duration expiresWithin();

    /** From here on no server answers; connections stay open. */
    void freeze() throws Exception;

    /** Undoes {@link #freeze}. */
    void thaw() throws Exception;

    /** Ends what was begun for this cluster. */
    @Override
    void close() throws java.io.IOException;
}
