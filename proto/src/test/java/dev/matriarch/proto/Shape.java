package dev.matriarch.proto;

import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.Descriptors.EnumDescriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Descriptors.FileDescriptor;
import com.google.protobuf.Descriptors.MethodDescriptor;
import com.google.protobuf.Descriptors.ServiceDescriptor;
import java.util.Map;
import java.util.TreeMap;

/** A protocol as those who speak it depend on it: one thing after the other, each with what it is like. Pure. */
final class Shape {
    private final Map<String, String> things = new TreeMap<>();

    /** What must not change, to what it is like now. */
    static Map<String, String> of(Iterable<FileDescriptor> files) {
        Shape shape = new Shape();
        for (FileDescriptor file : files) {
            file.getServices().forEach(shape::service);
            file.getMessageTypes().forEach(shape::message);
            file.getEnumTypes().forEach(shape::words);
        }
        return shape.things;
    }

    private void service(ServiceDescriptor service) {
        for (MethodDescriptor rpc : service.getMethods()) {
            things.put(
                    "rpc " + service.getFullName() + "/" + rpc.getName(),
                    (rpc.isClientStreaming() ? "stream " : "")
                            + rpc.getInputType().getFullName() + " -> "
                            + (rpc.isServerStreaming() ? "stream " : "")
                            + rpc.getOutputType().getFullName());
        }
    }

    private void message(Descriptor message) {
        things.put("message " + message.getFullName(), "");
        for (FieldDescriptor field : message.getFields()) {
            things.put("field " + message.getFullName() + " " + field.getNumber(), field.getName() + " " + type(field));
        }
        message.getNestedTypes().forEach(this::message);
        message.getEnumTypes().forEach(this::words);
    }

    private static String type(FieldDescriptor field) {
        String presence = field.isRepeated()
                ? "repeated "
                : field.getRealContainingOneof() != null
                        ? "oneof " + field.getRealContainingOneof().getName() + " "
                        : field.hasPresence() && field.getJavaType() != FieldDescriptor.JavaType.MESSAGE
                                ? "optional "
                                : "";
        return presence
                + switch (field.getType()) {
                    case MESSAGE -> field.getMessageType().getFullName();
                    case ENUM -> field.getEnumType().getFullName();
                    default -> field.getType().name().toLowerCase(java.util.Locale.ROOT);
                };
    }

    private void words(EnumDescriptor words) {
        words.getValues().forEach(v -> things.put("value " + words.getFullName() + " " + v.getNumber(), v.getName()));
    }
}
