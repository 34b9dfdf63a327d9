package dev.matriarch.dcs;

/**
 * A number that a store wants to be watched by.
 *
 * @param name in small letters with underscores, ending in its unit; begins with the kind of store
 * @param help one line
 */
public record Measure(String name, String help, double value) {}
