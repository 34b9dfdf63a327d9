package dev.matriarch.agent.postgres;

/** Something that was asked of PostgreSQL did not happen; the message says what, and what the operator may do. */
public sealed class PostgresException extends Exception permits EndedAtOnceException {
    public PostgresException(String sentence) {
        super(sentence);
    }

    public PostgresException(String sentence, Throwable cause) {
        super(sentence, cause);
    }
}
