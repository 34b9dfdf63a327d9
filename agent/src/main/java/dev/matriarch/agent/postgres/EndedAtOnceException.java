package dev.matriarch.agent.postgres;

/** The postmaster was started and has ended again before its pid file was seen. */
final class EndedAtOnceException extends PostgresException {
    private static final long serialVersionUID = 1;

    EndedAtOnceException(String message) {
        super(message);
    }
}
