package dev.matriarch.rest;

/** What a door answers, whoever carries the questions. Any thread. */
interface Questions {
    Reply answer(Request request);

    /** Adds the headers that every answer carries. */
    Reply withHeaders(Request request, Reply reply);

    /** A stream is not an answer with an end: its carrier writes it. */
    boolean isStream(String method, String path);

    /** The threads that carry out an order. */
    Working working();
}
