/**
 * Configuration read once, at the edge: YAML files and the environment become typed immutable records, and every
 * problem is reported together. YAML and JSON key names never leave this package.
 */
package dev.matriarch.agent.config;
