package dev.matriarch.agent.rpc;

import java.time.Duration;

/** Is told how far something got that somebody asked for. Any thread; returns at once. */
public interface Progress {
    /** For those who ask by other ways. */
    Progress NOBODY = new Progress() {
        @Override
        public void step(String text) {}

        @Override
        public void standstill(Duration atLeast, Duration atMost) {}

        @Override
        public void goesOn() {}

        @Override
        public void ended(Outcome outcome) {}
    };

    void step(String text);

    /** How long nobody took writes. */
    void standstill(Duration atLeast, Duration atMost);

    /** What is answered now is not the end: {@link #ended} will tell it. */
    void goesOn();

    /** The end of something of which {@link #goesOn} was said. */
    void ended(Outcome outcome);
}
