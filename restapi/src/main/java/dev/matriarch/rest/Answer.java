package dev.matriarch.rest;

/**
 * What became of something that a client asked the agent to do.
 *
 * @param status of the HTTP answer
 * @param sentence for people; clients of Patroni compare some of them
 */
public record Answer(int status, String sentence) {}
