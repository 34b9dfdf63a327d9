/**
 * What adapters that speak HTTP share: addresses that are asked in turn within a time budget, and TLS from PEM files. Knows no
 * particular store and no key of a cluster.
 */
package dev.matriarch.dcs.http;
