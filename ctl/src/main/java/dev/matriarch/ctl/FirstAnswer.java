package dev.matriarch.ctl;

import io.grpc.ManagedChannel;
import io.grpc.stub.StreamObserver;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/**
 * The first of several agents that answers. They are asked one after the other, the next as soon as one fails or is silent for a
 * moment, so that a dead host costs that moment and not the whole time.
 */
record FirstAnswer<T>(Settings.Endpoint endpoint, ManagedChannel channel, T reply) {
    private static final Duration NEXT_AFTER = Duration.ofMillis(400);

    private record Heard<T>(int asked, T reply, String error) {}

    interface Question<T> {
        /** @param nanos how long the answer may take */
        void ask(ManagedChannel channel, long nanos, StreamObserver<T> to);
    }

    /**
     * @param within all of them together
     * @throws CtlException with code 3 and each endpoint's error if nobody answers in time
     */
    static <T> FirstAnswer<T> find(
            Channels channels, List<Settings.Endpoint> endpoints, Duration within, Question<T> question) {
        long deadline = System.nanoTime() + within.toNanos();
        BlockingQueue<Heard<T>> answers = new LinkedBlockingQueue<>();
        Map<Integer, String> errors = new LinkedHashMap<>();
        List<ManagedChannel> asked = new ArrayList<>();
        while (errors.size() < endpoints.size()) {
            long left = deadline - System.nanoTime();
            if (asked.size() < endpoints.size() && left > 0) {
                int mine = asked.size();
                asked.add(channels.open(endpoints.get(mine)));
                question.ask(asked.get(mine), left, heard(mine, channels, answers));
            }
            long patience = asked.size() < endpoints.size() ? Math.min(left, NEXT_AFTER.toNanos()) : left;
            Heard<T> answer;
            try {
                answer = answers.poll(Math.max(0, patience), TimeUnit.NANOSECONDS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw CtlException.refused("Aborted!");
            }
            if (answer == null) {
                if (System.nanoTime() >= deadline) {
                    break;
                }
            } else if (answer.reply() != null) {
                return new FirstAnswer<>(endpoints.get(answer.asked()), asked.get(answer.asked()), answer.reply());
            } else {
                errors.put(answer.asked(), answer.error());
            }
        }
        StringBuilder message = new StringBuilder("no agent answered:");
        for (int i = 0; i < endpoints.size(); i++) {
            message.append("\n  ")
                    .append(endpoints.get(i))
                    .append(": ")
                    .append(errors.getOrDefault(i, "no answer within " + within.toSeconds() + " s"));
        }
        throw new CtlException(CtlException.NOBODY_REACHABLE, message.toString());
    }

    private static <T> StreamObserver<T> heard(int asked, Channels channels, BlockingQueue<Heard<T>> answers) {
        return new StreamObserver<>() {
            @Override
            public void onNext(T reply) {
                answers.add(new Heard<>(asked, reply, ""));
            }

            @Override
            public void onError(Throwable failure) {
                answers.add(new Heard<>(asked, null, channels.reason(failure)));
            }

            @Override
            public void onCompleted() {
                // The reply has been handed over.
            }
        };
    }
}
