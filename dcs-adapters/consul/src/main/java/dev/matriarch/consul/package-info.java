/**
 * Clusters whose keys stand in Consul, over its HTTP API. Speaks to Consul only; decides nothing about PostgreSQL. No answer
 * that did not go through the majority of Consul's servers is ever taken for the state of a lock.
 */
package dev.matriarch.consul;
