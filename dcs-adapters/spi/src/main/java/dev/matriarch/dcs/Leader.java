package dev.matriarch.dcs;

/**
 * The leader lock as the store shows it.
 *
 * @param name member that holds the lock
 * @param epoch grows each time the lock is granted anew; a renewal names it
 */
public record Leader(String name, long epoch) {}
