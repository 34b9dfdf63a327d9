package dev.matriarch.sim;

import java.io.IOException;
import java.lang.annotation.Annotation;
import java.lang.reflect.Constructor;
import java.lang.reflect.Field;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/**
 * One test method, run without the test engine, which knows one class loader only. Of its class just what these tests use:
 * {@link TempDir} fields, {@link BeforeEach} and {@link AfterEach}.
 *
 * @param work a folder for temporary ones
 */
record OneTest(String className, String method, Path work) {

    /** False if it fails: with an assertion or with what the code under test threw. */
    boolean passes(ClassLoader loader) throws IOException, ReflectiveOperationException {
        Constructor<?> constructor = loader.loadClass(className).getDeclaredConstructor();
        constructor.setAccessible(true);
        Method test = constructor.getDeclaringClass().getDeclaredMethod(method);
        Object instance = constructor.newInstance();
        for (Field field : constructor.getDeclaringClass().getDeclaredFields()) {
            if (field.isAnnotationPresent(TempDir.class)) {
                field.setAccessible(true);
                field.set(instance, Files.createTempDirectory(work, "test"));
            }
        }
        callAll(instance, BeforeEach.class);
        try {
            call(instance, test);
            return true;
        } catch (InvocationTargetException e) {
            if (e.getCause() instanceof AssertionError || e.getCause() instanceof RuntimeException) {
                return false;
            }
            throw e;
        } finally {
            callAll(instance, AfterEach.class);
        }
    }

    private static void callAll(Object instance, Class<? extends Annotation> marked)
            throws ReflectiveOperationException {
        for (Method method : instance.getClass().getDeclaredMethods()) {
            if (method.isAnnotationPresent(marked)) {
                call(instance, method);
            }
        }
    }

    private static void call(Object instance, Method method) throws ReflectiveOperationException {
        method.setAccessible(true);
        method.invoke(instance);
    }
}
