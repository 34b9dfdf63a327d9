/**
 * Clusters whose keys stand in etcd, over its v3 API as JSON. Speaks to etcd only; decides nothing about PostgreSQL. No answer
 * that did not go through etcd's majority is ever taken for the state of a lock.
 */
package dev.matriarch.etcd;
