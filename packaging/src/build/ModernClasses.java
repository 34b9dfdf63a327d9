import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassFileVersion;
import java.lang.classfile.ClassHierarchyResolver;
import java.lang.classfile.ClassModel;
import java.lang.classfile.ClassTransform;
import java.lang.classfile.CodeTransform;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/**
 * Part of the build, run from its source: rewrites the class files of a jar that were made for Java 5, which no AOT cache
 * takes up and whose verification takes a JVM a tenth of a second. The code stays the same; the stack maps that Java 7 and
 * later want are added by the JDK itself. What is there already stays as it is, and the jar's time too.
 */
public final class ModernClasses {
    /** The first version for which a stack map is a must has 51; 52 is Java 8. */
    private static final int WANTED = 52;

    private static final int WITHOUT_STACK_MAPS = 50;

    private ModernClasses() {}

    public static void main(String[] jars) throws IOException {
        for (String jar : jars) {
            rewrite(Path.of(jar));
        }
    }

    private static void rewrite(Path jar) throws IOException {
        FileTime time = Files.getLastModifiedTime(jar);
        Map<JarEntry, byte[]> entries = new LinkedHashMap<>();
        Map<String, byte[]> byName = new LinkedHashMap<>();
        try (JarFile in = new JarFile(jar.toFile())) {
            for (JarEntry entry : Collections.list(in.entries())) {
                byte[] bytes = in.getInputStream(entry).readAllBytes();
                entries.put(entry, bytes);
                byName.put(entry.getName(), bytes);
            }
        }
        ClassFile classFile = ClassFile.of(
                ClassFile.StackMapsOption.GENERATE_STACK_MAPS,
                ClassFile.ClassHierarchyResolverOption.of(ClassHierarchyResolver.ofResourceParsing(type -> {
                            String name = type.descriptorString();
                            byte[] bytes = byName.get(name.substring(1, name.length() - 1) + ".class");
                            return bytes == null ? null : new ByteArrayInputStream(bytes);
                        })
                        .orElse(ClassHierarchyResolver.defaultResolver())));
        Path draft = jar.resolveSibling(jar.getFileName() + ".new");
        int count = 0;
        try (OutputStream file = Files.newOutputStream(draft);
                ZipOutputStream out = new ZipOutputStream(file)) {
            ZipEntry last = null;
            for (Map.Entry<JarEntry, byte[]> entry : entries.entrySet()) {
                byte[] bytes = entry.getValue();
                if (entry.getKey().getName().endsWith(".class")) {
                    ClassModel old = classFile.parse(bytes);
                    if (old.majorVersion() < WITHOUT_STACK_MAPS) {
                        bytes = modern(classFile, old);
                        count++;
                    }
                }
                last = entry.getKey();
                put(out, last.getName(), last, bytes);
            }
            if (count > 0) {
                put(out, "META-INF/MODIFIED.txt", last, """
                        Changed by the build of Matriarch: class files of Java 5 are written as those of Java 8, with stack maps.
                        The code in them is the same.
                        """.getBytes(StandardCharsets.UTF_8));
            }
        }
        if (count == 0) {
            Files.delete(draft);
            return;
        }
        Files.move(draft, jar, StandardCopyOption.REPLACE_EXISTING);
        Files.setLastModifiedTime(jar, time);
    }

    private static byte[] modern(ClassFile classFile, ClassModel old) {
        // Only code that is taken apart and put together again gets new stack maps.
        ClassTransform again = ClassTransform.transformingMethodBodies(CodeTransform.ACCEPT_ALL);
        return classFile.transformClass(old, again.andThen((builder, element) -> {
            if (element instanceof ClassFileVersion) {
                builder.withVersion(WANTED, 0);
            } else {
                builder.with(element);
            }
        }));
    }

    private static void put(ZipOutputStream out, String name, ZipEntry like, byte[] bytes) throws IOException {
        ZipEntry entry = new ZipEntry(name);
        entry.setTimeLocal(like.getTimeLocal());
        out.putNextEntry(entry);
        out.write(bytes);
        out.closeEntry();
    }
}
