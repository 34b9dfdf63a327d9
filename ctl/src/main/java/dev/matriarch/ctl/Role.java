package dev.matriarch.ctl;

import dev.matriarch.proto.control.v1.MemberRow;
import java.util.Arrays;
import java.util.Iterator;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Which members {@code -r} means. */
enum Role {
    LEADER("leader"),
    PRIMARY("primary"),
    STANDBY_LEADER("standby-leader"),
    REPLICA("replica"),
    STANDBY("standby"),
    ANY("any");

    private final String word;

    Role(String word) {
        this.word = word;
    }

    boolean matches(MemberRow member) {
        return switch (this) {
            case LEADER -> ClusterTable.leads(member);
            case PRIMARY -> member.getRole().equals("leader");
            case STANDBY_LEADER -> member.getRole().equals("standby_leader");
            case REPLICA, STANDBY -> !ClusterTable.leads(member);
            case ANY -> true;
        };
    }

    @Override
    public String toString() {
        return word;
    }

    /** For the shells. */
    static final class Words implements Iterable<String> {
        @Override
        public Iterator<String> iterator() {
            return Arrays.stream(values()).map(Role::toString).iterator();
        }
    }

    static final class Converter implements ITypeConverter<Role> {
        @Override
        public Role convert(String text) {
            String word = text.equals("master") ? "primary" : text.replace('_', '-');
            for (Role role : values()) {
                if (role.word.equals(word)) {
                    return role;
                }
            }
            throw new TypeConversionException(
                    "expected leader, primary, standby-leader, replica, standby or any, but was '" + text + "'");
        }
    }
}
