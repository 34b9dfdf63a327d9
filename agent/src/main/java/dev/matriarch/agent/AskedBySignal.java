package dev.matriarch.agent;

import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Proxy;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Signals that ask for something. The JDK has no supported way to them; this one has been there since its first days. */
final class AskedBySignal {
    private static final Logger LOG = LoggerFactory.getLogger(AskedBySignal.class);

    private AskedBySignal() {}

    /**
     * Runs the action at each such signal from now on, on a thread of the JVM's, one at a time.
     *
     * @param name as in {@code kill -l}
     * @param otherwise what the operator may do if the signal cannot be had
     */
    static void calls(String name, Runnable action, String otherwise) {
        try {
            // By name: the compiler warns of these classes, and no annotation silences it.
            Class<?> signal = Class.forName("sun.misc.Signal");
            Class<?> handler = Class.forName("sun.misc.SignalHandler");
            InvocationHandler onSignal = (proxy, method, arguments) -> switch (method.getName()) {
                case "handle" -> {
                    synchronized (AskedBySignal.class) {
                        action.run();
                    }
                    yield null;
                }
                case "equals" -> proxy == arguments[0];
                case "hashCode" -> System.identityHashCode(proxy);
                default -> "SIG" + name;
            };
            Object proxy =
                    Proxy.newProxyInstance(AskedBySignal.class.getClassLoader(), new Class<?>[] {handler}, onSignal);
            signal.getMethod("handle", signal, handler)
                    .invoke(null, signal.getConstructor(String.class).newInstance(name), proxy);
        } catch (ReflectiveOperationException | IllegalArgumentException e) {
            LOG.warn(
                    "SIG{} ends this agent instead of doing what it is for ({}); {}",
                    name,
                    String.valueOf(e),
                    otherwise);
        }
    }
}
