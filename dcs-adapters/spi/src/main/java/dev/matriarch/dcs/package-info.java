/**
 * The cluster as its configuration store knows it, and the one interface through which an agent reads and changes it.
 *
 * <p>Everything here is an immutable value except {@link dev.matriarch.dcs.Dcs} itself. No I/O, no clock and no wire
 * format lives here; the JSON of the keys is in {@link dev.matriarch.dcs.json}.
 */
package dev.matriarch.dcs;
