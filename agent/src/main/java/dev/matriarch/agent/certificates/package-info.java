/**
 * Certificates of the cluster's own authority, as people look after them: forming a cluster with them, seeing them, changing
 * them. The certificates themselves are made in {@code dev.matriarch.tls.authority}.
 *
 * <p>What may never happen here: the authority's key on a connection without TLS or in an answer to a person, a file that
 * somebody else brought overwritten, an authority that is not trusted by all members before the first certificate of it
 * is shown.
 */
package dev.matriarch.agent.certificates;
