/** How a running cluster is taken to another store: what each member answers and does. */
package dev.matriarch.agent.move;
