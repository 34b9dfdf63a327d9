/**
 * Examines the cluster: collects what members know of themselves and how they reach each other, and has
 * {@link dev.matriarch.agent.diagnosis.Diagnosis} judge it.
 *
 * <p>What may never happen here: a change of anything, a secret in an answer, a wait without a deadline. A disk, server or
 * member that does not answer is a finding.
 */
package dev.matriarch.agent.doctor;
