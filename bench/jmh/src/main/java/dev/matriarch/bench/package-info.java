/**
 * Measurements of parts: of code that runs in every heartbeat, and of the store beside etcd. Outside of the ordinary build;
 * {@code bench/run} builds and runs them. Uses public classes only, and none of the tests.
 */
package dev.matriarch.bench;
