/** What stores share in which each part of the cluster's state is a key of its own. Knows no particular store. */
package dev.matriarch.dcs.keyed;
