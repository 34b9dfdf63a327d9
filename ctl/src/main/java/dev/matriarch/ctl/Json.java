package dev.matriarch.ctl;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import java.util.LinkedHashMap;
import java.util.Map;

/** JSON in and out; loaded only by the commands that need it. */
final class Json {
    private static final ObjectMapper MAPPER = new ObjectMapper();
    private static final ObjectReader OBJECT =
            MAPPER.readerFor(MAPPER.getTypeFactory().constructMapType(LinkedHashMap.class, String.class, Object.class));

    private Json() {}

    static Map<String, Object> object(String text) {
        try {
            return OBJECT.readValue(text);
        } catch (JsonProcessingException e) {
            throw CtlException.refused("the stored configuration is not a JSON object: " + e.getOriginalMessage());
        }
    }

    /** Of JSON that a program wrote. */
    static Object value(String text) {
        try {
            return MAPPER.readValue(text, Object.class);
        } catch (JsonProcessingException e) {
            throw CtlException.refused("this is not JSON: " + e.getOriginalMessage());
        }
    }

    static String text(Object value) {
        try {
            return MAPPER.writeValueAsString(value);
        } catch (JsonProcessingException e) {
            throw CtlException.refused("cannot be written as JSON: " + e.getOriginalMessage());
        }
    }
}
