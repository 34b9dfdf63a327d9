/**
 * The cluster's own authority: a small CA whose key is on the hosts of the cluster, the certificates that it makes, and when
 * they are to be made anew.
 *
 * <p>What may never happen here: a private key in a message or in a file that others may read, a file that is half
 * written, a certificate that outlives its authority. Knows Bouncy Castle, which writes X.509; the JDK only reads it.
 */
package dev.matriarch.tls.authority;
