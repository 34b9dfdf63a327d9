/**
 * Certificates and keys out of PEM files, for every door and every call.
 *
 * <p>What may never happen here: a key or a password in a message, a file taken up that does not fit the others, a peer
 * accepted whose certificate was not checked. This package knows the JDK only, and starts no threads.
 */
package dev.matriarch.tls;
