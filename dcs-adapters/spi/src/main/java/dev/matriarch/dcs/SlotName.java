package dev.matriarch.dcs;

import java.util.Locale;

/** The replication slot of a member. */
public final class SlotName {
    private static final int LONGEST = 63;

    private SlotName() {}

    /**
     * Lower case; {@code -} and {@code .} become {@code _}; any other character that a slot name cannot have becomes
     * {@code u} and its four-digit code point. Two members may map to one name: the caller has to notice.
     */
    public static String of(String member) {
        String lower = member.toLowerCase(Locale.ROOT);
        StringBuilder name = new StringBuilder(lower.length());
        int c;
        for (int i = 0; i < lower.length(); i += Character.charCount(c)) {
            c = lower.codePointAt(i);
            if (c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_') {
                name.append((char) c);
            } else if (c == '-' || c == '.') {
                name.append('_');
            } else {
                name.append(String.format(Locale.ROOT, "u%04d", c));
            }
        }
        return name.length() > LONGEST ? name.substring(0, LONGEST) : name.toString();
    }
}
