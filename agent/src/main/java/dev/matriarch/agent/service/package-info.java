/**
 * What the agent tells the service manager that started it (systemd, through {@code NOTIFY_SOCKET}), and how an agent
 * leaves its PostgreSQL to the one that comes next.
 *
 * <p>Nothing here may wait: a service manager that does not listen must not cost a heartbeat.
 */
package dev.matriarch.agent.service;
