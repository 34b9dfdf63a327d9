package dev.matriarch.agent.config;

import java.net.URI;
import java.net.URISyntaxException;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;

/** libpq's connection strings: {@code host=a port=5432}, values in single quotes where needed, and URIs. */
public final class Conninfo {
    private Conninfo() {}

    /** In the form of keywords and values; every value is quoted. */
    public static String write(Map<String, String> parts) {
        StringBuilder text = new StringBuilder();
        parts.forEach((keyword, value) -> text.append(text.isEmpty() ? "" : " ")
                .append(keyword)
                .append("='")
                .append(value.replace("\\", "\\\\").replace("'", "\\'"))
                .append('\''));
        return text.toString();
    }

    /** @throws IllegalArgumentException with a reason to show, which holds no value */
    public static Map<String, String> parse(String text) {
        String bare = text.strip();
        return bare.startsWith("postgresql://") || bare.startsWith("postgres://") ? uri(bare) : keywords(bare);
    }

    private static Map<String, String> keywords(String text) {
        Map<String, String> parts = new LinkedHashMap<>();
        int i = 0;
        while (i < text.length()) {
            if (Character.isWhitespace(text.charAt(i))) {
                i++;
                continue;
            }
            int equals = text.indexOf('=', i);
            String keyword = equals < 0 ? "" : text.substring(i, equals).strip();
            if (!keyword.matches("[a-z_]+")) {
                throw new IllegalArgumentException("it is neither a list of keyword=value nor a postgresql:// URI");
            }
            i = equals + 1;
            while (i < text.length() && Character.isWhitespace(text.charAt(i))) {
                i++;
            }
            boolean quoted = i < text.length() && text.charAt(i) == '\'';
            i += quoted ? 1 : 0;
            StringBuilder value = new StringBuilder();
            boolean closed = false;
            while (i < text.length() && !closed) {
                char c = text.charAt(i++);
                if (c == '\\' && i < text.length()) {
                    value.append(text.charAt(i++));
                } else if (quoted ? c == '\'' : Character.isWhitespace(c)) {
                    closed = true;
                } else {
                    value.append(c);
                }
            }
            if (quoted && !closed) {
                throw new IllegalArgumentException("the quote after " + keyword + "= is not closed");
            }
            parts.put(keyword, value.toString());
        }
        return parts;
    }

    private static Map<String, String> uri(String text) {
        URI uri;
        try {
            uri = new URI(text);
        } catch (URISyntaxException e) {
            throw new IllegalArgumentException("it is no URI: " + e.getReason() + " at " + e.getIndex(), e);
        }
        if (uri.getHost() == null && uri.getRawAuthority() != null) {
            throw new IllegalArgumentException("it names no single host");
        }
        Map<String, String> parts = new LinkedHashMap<>();
        if (uri.getHost() != null) {
            String host = uri.getHost();
            parts.put("host", host.startsWith("[") ? host.substring(1, host.length() - 1) : host);
        }
        if (uri.getPort() > 0) {
            parts.put("port", Integer.toString(uri.getPort()));
        }
        if (uri.getRawUserInfo() != null) {
            String[] user = uri.getRawUserInfo().split(":", 2);
            parts.put("user", decoded(user[0]));
            if (user.length > 1) {
                parts.put("password", decoded(user[1]));
            }
        }
        if (uri.getRawPath() != null && uri.getRawPath().length() > 1) {
            parts.put("dbname", decoded(uri.getRawPath().substring(1)));
        }
        for (String option :
                uri.getRawQuery() == null ? new String[0] : uri.getRawQuery().split("&")) {
            String[] pair = option.split("=", 2);
            parts.put(decoded(pair[0]), pair.length > 1 ? decoded(pair[1]) : "");
        }
        return parts;
    }

    /** A plus sign is no blank in libpq's URIs. */
    private static String decoded(String text) {
        return URLDecoder.decode(text.replace("+", "%2B"), StandardCharsets.UTF_8);
    }
}
