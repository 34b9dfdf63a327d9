/**
 * The keys of a cluster and the JSON of their values, the same on every configuration store.
 *
 * <p>Pure translation: no I/O, no clock. Reading never throws for what somebody else wrote: unknown fields are passed
 * over, broken JSON is the empty value.
 */
package dev.matriarch.dcs.json;
