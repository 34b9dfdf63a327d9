package dev.matriarch.rest;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/**
 * OpenSSL's list of ciphers, such as {@code ECDHE-RSA-AES128-GCM-SHA256:ECDHE+AESGCM:!aNULL}, as Java's names. As in
 * OpenSSL it says nothing of TLS 1.3, whose ciphers stay.
 */
final class CipherList {
    private static final Set<String> EVERYTHING = Set.of("ALL", "DEFAULT", "HIGH", "SECURE", "TLSV1.2");
    /** Names for things that no Java runtime offers any more: leaving them out changes nothing. */
    private static final Set<String> GONE = Set.of(
            "ANULL",
            "ENULL",
            "NULL",
            "EXPORT",
            "EXP",
            "LOW",
            "MEDIUM",
            "RC4",
            "DES",
            "3DES",
            "MD5",
            "PSK",
            "SRP",
            "IDEA",
            "SEED",
            "CAMELLIA",
            "ADH",
            "AECDH",
            "DSS",
            "ADSS",
            "ECDSAX",
            "SSLV2",
            "SSLV3",
            "COMPLEMENTOFDEFAULT");

    private CipherList() {}

    /**
     * @param offered the runtime's suites, by their standard names
     * @throws IllegalArgumentException if a word is not known, or no cipher is left; with a sentence for the user
     */
    static String[] suites(String list, String[] offered) {
        List<String> tls13 = Arrays.stream(offered).filter(CipherList::isTls13).toList();
        List<String> older = Arrays.stream(offered)
                .filter(s -> !isTls13(s) && !s.contains("SCSV"))
                .toList();
        Set<String> chosen = new LinkedHashSet<>();
        for (String word : list.split("[:, ]+")) {
            if (word.isBlank() || word.startsWith("@")) {
                continue;
            }
            char sign = word.charAt(0);
            boolean removes = sign == '!' || sign == '-';
            String bare = removes || sign == '+' ? word.substring(1) : word;
            List<String> meant = older.stream().filter(s -> means(bare, s)).toList();
            if (meant.isEmpty() && !isKnown(bare, offered)) {
                throw new IllegalArgumentException("'" + word + "' is no cipher that this runtime offers; it has "
                        + String.join(
                                ":", older.stream().map(CipherList::openssl).toList()));
            }
            if (removes) {
                meant.forEach(chosen::remove);
            } else if (sign != '+') {
                chosen.addAll(meant);
            }
        }
        List<String> all = new ArrayList<>(tls13);
        all.addAll(chosen);
        if (all.isEmpty()) {
            throw new IllegalArgumentException("no cipher is left of '" + list + "'");
        }
        return all.toArray(String[]::new);
    }

    private static boolean isTls13(String suite) {
        return !suite.contains("_WITH_") && !suite.contains("SCSV");
    }

    private static boolean isKnown(String word, String[] offered) {
        return GONE.contains(word.toUpperCase(Locale.ROOT))
                || Arrays.asList(offered).contains(word);
    }

    private static boolean means(String word, String suite) {
        if (word.equals(suite) || word.equalsIgnoreCase(openssl(suite))) {
            return true;
        }
        String upper = word.toUpperCase(Locale.ROOT);
        if (EVERYTHING.contains(upper)) {
            return true;
        }
        // ECDHE+AESGCM means those that are both.
        return upper.indexOf('-') < 0
                && !GONE.contains(upper)
                && Arrays.stream(upper.split("\\+")).allMatch(part -> has(part, suite));
    }

    private static boolean has(String part, String suite) {
        return switch (part) {
            case "AESGCM" ->
                suite.contains("_AES_") && suite.endsWith("GCM_SHA256")
                        || suite.contains("_AES_") && suite.endsWith("GCM_SHA384");
            case "ECDHE", "EECDH", "KEECDH" -> suite.startsWith("TLS_ECDHE_");
            case "DHE", "EDH" -> suite.startsWith("TLS_DHE_");
            case "RSA", "KRSA" -> suite.startsWith("TLS_RSA_");
            case "ARSA" -> suite.contains("RSA_WITH");
            case "ECDSA", "AECDSA" -> suite.contains("ECDSA");
            case "AES" -> suite.contains("_AES_");
            case "AES128" -> suite.contains("_AES_128");
            case "AES256" -> suite.contains("_AES_256");
            case "CHACHA20" -> suite.contains("CHACHA20");
            case "SHA", "SHA1" -> suite.endsWith("_SHA");
            case "SHA256" -> suite.endsWith("_SHA256");
            case "SHA384" -> suite.endsWith("_SHA384");
            default -> EVERYTHING.contains(part);
        };
    }

    /** {@code ECDHE-RSA-AES128-GCM-SHA256} for {@code TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}. */
    static String openssl(String suite) {
        return suite.replaceFirst("^TLS_", "")
                .replaceFirst("^RSA_WITH_", "")
                .replace("_WITH_", "_")
                .replace("AES_128", "AES128")
                .replace("AES_256", "AES256")
                .replace("_CBC", "")
                .replace("CHACHA20_POLY1305_SHA256", "CHACHA20_POLY1305")
                .replace('_', '-');
    }
}
