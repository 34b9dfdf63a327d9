package dev.matriarch.agent.recorder;

import com.fasterxml.jackson.annotation.JsonTypeInfo;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationContext;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JavaType;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.MapperFeature;
import com.fasterxml.jackson.databind.cfg.MapperConfig;
import com.fasterxml.jackson.databind.deser.std.StdScalarDeserializer;
import com.fasterxml.jackson.databind.introspect.Annotated;
import com.fasterxml.jackson.databind.introspect.AnnotatedClass;
import com.fasterxml.jackson.databind.introspect.AnnotatedMember;
import com.fasterxml.jackson.databind.introspect.JacksonAnnotationIntrospector;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.jsontype.NamedType;
import com.fasterxml.jackson.databind.jsontype.TypeResolverBuilder;
import com.fasterxml.jackson.databind.jsontype.impl.StdTypeResolverBuilder;
import com.fasterxml.jackson.databind.module.SimpleModule;
import com.fasterxml.jackson.databind.ser.std.ToStringSerializer;
import com.fasterxml.jackson.datatype.jdk8.Jdk8Module;
import dev.matriarch.agent.ha.Decision;
import dev.matriarch.agent.ha.Observation;
import dev.matriarch.dcs.Lsn;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Set;
import java.util.function.Function;

/**
 * Observations and decisions as JSON, and back.
 *
 * <p>Nothing is listed by hand: a record is an object of its components, and a member of a sealed interface says which
 * one it is in {@code is}. What is unknown on reading is left aside; an absent optional value is empty; anything else
 * that is absent is refused by name, because a decision on a guess would explain nothing.
 */
final class Codec {
    private static final Set<Class<?>> MAY_BE_ABSENT =
            Set.of(Optional.class, OptionalInt.class, OptionalLong.class, OptionalDouble.class);

    static final JsonMapper MAPPER = JsonMapper.builder()
            .annotationIntrospector(new SealedTypes())
            .addModule(new Jdk8Module())
            .addModule(new SimpleModule()
                    .addSerializer(Lsn.class, ToStringSerializer.instance)
                    .addDeserializer(Lsn.class, new Text<>(Lsn.class, Lsn::parse))
                    .addSerializer(Instant.class, ToStringSerializer.instance)
                    .addDeserializer(Instant.class, new Text<>(Instant.class, Instant::parse))
                    .addSerializer(Duration.class, ToStringSerializer.instance)
                    .addDeserializer(Duration.class, new Text<>(Duration.class, Duration::parse)))
            .disable(MapperFeature.AUTO_DETECT_IS_GETTERS)
            .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
            .enable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES)
            .build();

    private Codec() {}

    static JsonNode tree(Observation seen) {
        return MAPPER.valueToTree(seen);
    }

    static JsonNode tree(Decision decided) {
        // Not valueToTree: the record's own type would hide that it is one of several.
        try {
            return MAPPER.readTree(MAPPER.writerFor(Decision.class).writeValueAsBytes(decided));
        } catch (IOException e) {
            throw new IllegalStateException("a decision cannot be written as JSON: " + e.getMessage(), e);
        }
    }

    /** @throws UnreadableException if something is missing that decisions of this version depend on */
    static Observation observation(JsonNode tree) throws UnreadableException {
        return read(tree, Observation.class);
    }

    static Decision decision(JsonNode tree) throws UnreadableException {
        return read(tree, Decision.class);
    }

    private static <T> T read(JsonNode tree, Class<T> type) throws UnreadableException {
        try {
            return MAPPER.treeToValue(tree, type);
        } catch (JsonProcessingException | IllegalArgumentException e) {
            String message = e instanceof JsonProcessingException j ? j.getOriginalMessage() : e.getMessage();
            throw new UnreadableException(message.lines().findFirst().orElse("not readable"));
        }
    }

    /** The recorded value does not fit this version's records. */
    static final class UnreadableException extends Exception {
        private static final long serialVersionUID = 1L;

        UnreadableException(String message) {
            super(message);
        }
    }

    private static final class Text<T> extends StdScalarDeserializer<T> {
        private static final long serialVersionUID = 1L;
        private final transient Function<String, T> parse;

        Text(Class<T> type, Function<String, T> parse) {
            super(type);
            this.parse = parse;
        }

        @Override
        public T deserialize(JsonParser in, DeserializationContext context) throws IOException {
            return parse.apply(in.getText());
        }
    }

    /** Tells Jackson what the class files say already, so that the pure package need not know Jackson. */
    private static final class SealedTypes extends JacksonAnnotationIntrospector {
        private static final long serialVersionUID = 1L;

        private static boolean isFamily(Class<?> type) {
            return type.isSealed() && type.isInterface();
        }

        @Override
        public TypeResolverBuilder<?> findTypeResolver(MapperConfig<?> config, AnnotatedClass type, JavaType base) {
            return isFamily(base.getRawClass())
                    ? new StdTypeResolverBuilder()
                            .init(JsonTypeInfo.Id.NAME, null)
                            .inclusion(JsonTypeInfo.As.PROPERTY)
                            .typeProperty("is")
                    : super.findTypeResolver(config, type, base);
        }

        @Override
        public List<NamedType> findSubtypes(Annotated annotated) {
            Class<?> type = annotated.getRawType();
            if (!isFamily(type)) {
                return super.findSubtypes(annotated);
            }
            List<NamedType> members = new ArrayList<>();
            collect(type, members);
            return members;
        }

        private static void collect(Class<?> family, List<NamedType> members) {
            for (Class<?> member : family.getPermittedSubclasses()) {
                if (isFamily(member)) {
                    collect(member, members);
                } else {
                    members.add(new NamedType(member, member.getSimpleName()));
                }
            }
        }

        @Override
        public Boolean hasRequiredMarker(AnnotatedMember member) {
            return !MAY_BE_ABSENT.contains(member.getRawType());
        }
    }
}
