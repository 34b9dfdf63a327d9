/**
 * Clusters whose keys stand in ZooKeeper. Speaks to ZooKeeper only; decides nothing about PostgreSQL. No session of a lock or of
 * a member's record is kept alive by anything but its renewal.
 */
package dev.matriarch.zookeeper;
