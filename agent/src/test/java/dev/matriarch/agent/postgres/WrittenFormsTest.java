package dev.matriarch.agent.postgres;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.agent.config.Conninfo;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Whatever is written comes back when it is read by the rules of PostgreSQL's documentation. */
class WrittenFormsTest {
    private static final int MANY = 3000;

    /** The string of postgresql.conf: quotes doubled or behind a backslash, C's escapes. */
    private static String readConf(String quoted) {
        assertTrue(quoted.startsWith("'") && quoted.endsWith("'") && quoted.indexOf('\n') < 0, quoted);
        StringBuilder text = new StringBuilder();
        for (int i = 1; i < quoted.length() - 1; i++) {
            char c = quoted.charAt(i);
            if (c == '\\') {
                char next = quoted.charAt(++i);
                text.append(
                        switch (next) {
                            case 'n' -> '\n';
                            case 'r' -> '\r';
                            case 't' -> '\t';
                            case 'b' -> '\b';
                            case 'f' -> '\f';
                            default -> next;
                        });
            } else if (c == '\'') {
                assertEquals('\'', quoted.charAt(++i), quoted);
                text.append('\'');
            } else {
                text.append(c);
            }
        }
        return text.toString();
    }

    /** One line of a password file: fields between colons, a backslash before what stands for itself. */
    private static List<String> readPassfile(String line) {
        List<String> fields = new ArrayList<>();
        StringBuilder field = new StringBuilder();
        for (int i = 0; i < line.length(); i++) {
            char c = line.charAt(i);
            if (c == '\\') {
                field.append(line.charAt(++i));
            } else if (c == ':') {
                fields.add(field.toString());
                field.setLength(0);
            } else {
                field.append(c);
            }
        }
        fields.add(field.toString());
        return fields;
    }

    @Test
    void valuesOfPostgresqlConf() throws Exception {
        OddText odd = new OddText(1);
        for (int i = 0; i < MANY; i++) {
            String value = odd.nextWithLines(12);
            assertEquals(value, readConf(PostgresqlConf.quoted("a.b", value)));
        }
        assertThrows(PostgresException.class, () -> PostgresqlConf.quoted("a", "\0"));
        assertThrows(PostgresException.class, () -> PostgresqlConf.quoted("a b", "x"));
    }

    @Test
    void conninfo() {
        OddText odd = new OddText(2);
        for (int i = 0; i < MANY; i++) {
            Map<String, String> parts = new LinkedHashMap<>();
            for (String keyword : List.of("host", "user", "password", "application_name", "options")) {
                parts.put(keyword, odd.nextWithLines(8));
            }
            assertEquals(parts, Conninfo.parse(Conninfo.write(parts)));
        }
    }

    @Test
    void conninfoAsPeopleWriteIt() {
        assertEquals(
                Map.of("host", "a", "port", "5432", "user", "it's", "dbname", ""),
                Conninfo.parse("  host = a port=5432 user=it\\'s dbname='' "));
        assertEquals(
                Map.of(
                        "host",
                        "::1",
                        "port",
                        "5433",
                        "user",
                        "a b",
                        "password",
                        "p@+:/",
                        "dbname",
                        "d",
                        "sslmode",
                        "require"),
                Conninfo.parse("postgresql://a%20b:p%40+%3A%2F@[::1]:5433/d?sslmode=require"));
        assertEquals(Map.of("host", "h"), Conninfo.parse("postgres://h"));
        for (String wrong : List.of("nonsense", "host='x", "= x", "postgresql://a b/", "postgresql://a:1,b:2/x")) {
            assertThrows(IllegalArgumentException.class, () -> Conninfo.parse(wrong), wrong);
        }
    }

    @Test
    void fieldsOfThePasswordFile() {
        OddText odd = new OddText(3);
        for (int i = 0; i < MANY; i++) {
            List<String> fields = List.of("*", "*", "*", odd.next(8), odd.next(12));
            String line = String.join(
                    ":", fields.stream().map(LibpqAccess::passfileField).toList());
            // A star stands for anything where it is alone; the agent's own are.
            assertEquals(fields, readPassfile(line));
        }
    }
}
