package dev.matriarch.sim;

import java.util.Arrays;

/** What is still to happen, ordered by time; what falls on the same nanosecond happens in the order it was asked for. */
public final class Events {
    private long[] times = new long[256];
    private long[] numbers = new long[256];
    private Runnable[] actions = new Runnable[256];
    private int size;
    private long counter;
    private long now;
    private long executed;

    /** Simulated nanoseconds since the schedule began. */
    public long now() {
        return now;
    }

    public long executed() {
        return executed;
    }

    public void after(long nanos, Runnable action) {
        at(now + Math.max(0, nanos), action);
    }

    public void at(long time, Runnable action) {
        if (size == times.length) {
            times = Arrays.copyOf(times, size * 2);
            numbers = Arrays.copyOf(numbers, size * 2);
            actions = Arrays.copyOf(actions, size * 2);
        }
        long due = Math.max(time, now);
        long number = counter++;
        int i = size++;
        while (i > 0) {
            int parent = (i - 1) >>> 1;
            if (times[parent] < due || times[parent] == due && numbers[parent] < number) {
                break;
            }
            times[i] = times[parent];
            numbers[i] = numbers[parent];
            actions[i] = actions[parent];
            i = parent;
        }
        times[i] = due;
        numbers[i] = number;
        actions[i] = action;
    }

    /** Runs the next event if it is due by the given time; otherwise that time comes and false is returned. */
    public boolean step(long until) {
        if (size == 0 || times[0] > until) {
            now = Math.max(now, until);
            return false;
        }
        now = times[0];
        Runnable action = actions[0];
        removeFirst();
        executed++;
        action.run();
        return true;
    }

    private void removeFirst() {
        size--;
        long time = times[size];
        long number = numbers[size];
        Runnable action = actions[size];
        actions[size] = null;
        int i = 0;
        while (true) {
            int child = 2 * i + 1;
            if (child >= size) {
                break;
            }
            if (child + 1 < size
                    && (times[child + 1] < times[child]
                            || times[child + 1] == times[child] && numbers[child + 1] < numbers[child])) {
                child++;
            }
            if (time < times[child] || time == times[child] && number < numbers[child]) {
                break;
            }
            times[i] = times[child];
            numbers[i] = numbers[child];
            actions[i] = actions[child];
            i = child;
        }
        if (size > 0) {
            times[i] = time;
            numbers[i] = number;
            actions[i] = action;
        }
    }
}
