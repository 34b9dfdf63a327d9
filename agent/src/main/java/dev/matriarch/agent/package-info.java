/** The agent's main class: configuration, logging, and the parts put together. No decision is made here. */
package dev.matriarch.agent;
