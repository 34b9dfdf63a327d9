package dev.matriarch.tls;

import java.security.Provider;
import java.security.Security;

/**
 * Stands in for Bouncy Castle's provider while a library looks for it. Netty would keep an instance for the life of the process,
 * to read keys with it if the JDK cannot: hundreds of classes and thousands of entries, although keys and certificates come from
 * {@link LiveTls} here and are never read by Netty. What signs certificates uses Bouncy Castle's formats with the JDK's
 * algorithms, and needs no such provider either.
 */
public final class EmptyBouncyCastle {
    private static final String NAME = "BC";

    private EmptyBouncyCastle() {}

    /**
     * Safe for use by several threads.
     *
     * @param search by which a library looks for the provider and keeps what it finds. If the real one is registered in this
     *     JVM, it finds that
     */
    public static synchronized void during(Runnable search) {
        boolean added = Security.addProvider(new Empty()) >= 0;
        try {
            search.run();
        } finally {
            if (added) {
                Security.removeProvider(NAME);
            }
        }
    }

    private static final class Empty extends Provider {
        private static final long serialVersionUID = 1;

        Empty() {
            super(NAME, "0", "nothing, in the place of Bouncy Castle's");
        }
    }
}
