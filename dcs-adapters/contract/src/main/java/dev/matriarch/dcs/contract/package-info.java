/**
 * What every configuration store must do, as tests: each adapter extends them with its own real servers. Nothing here knows
 * a particular store, and nothing of the agent depends on it.
 */
package dev.matriarch.dcs.contract;
