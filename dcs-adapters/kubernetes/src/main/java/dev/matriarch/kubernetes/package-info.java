/**
 * Clusters whose keys stand in annotations of Kubernetes' objects. Nothing here may take what a watch or a cache of the API server
 * says for the state of the lock: it says when to look.
 */
package dev.matriarch.kubernetes;
