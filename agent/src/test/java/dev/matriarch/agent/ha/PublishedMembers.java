package dev.matriarch.agent.ha;

import dev.matriarch.dcs.Lsn;
import dev.matriarch.dcs.Member;
import dev.matriarch.dcs.MemberBuilder;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;

/** The records of n1, n2 and n3, as they published them; n1 leads unless a test says otherwise. */
final class PublishedMembers {
    private final List<Member> members =
            new ArrayList<>(List.of(member("n1", "primary"), member("n2", "replica"), member("n3", "replica")));

    static Member member(String name, String role) {
        return Member.named(name)
                .connUrl("postgres://10.0.0." + name.substring(1) + ":5432/postgres")
                .apiUrl("http://10.0.0." + name.substring(1) + ":8008/patroni")
                .rpcAddress("10.0.0." + name.substring(1) + ":8009")
                .role(role)
                .version("0.1.0")
                .xlogLocation(new Lsn(100))
                .timeline(1)
                .build();
    }

    static Map<String, String> apiUrls(String... members) {
        Map<String, String> urls = new TreeMap<>();
        for (String name : members) {
            urls.put(name, member(name, "replica").apiUrl());
        }
        return urls;
    }

    List<Member> all() {
        return members;
    }

    void ledBy(String name) {
        members.replaceAll(m -> member(m.name(), m.name().equals(name) ? "primary" : "replica"));
    }

    void remove(String name) {
        members.removeIf(m -> m.name().equals(name));
    }

    void replace(String name, UnaryOperator<Member> by) {
        members.replaceAll(m -> m.name().equals(name) ? by.apply(m) : m);
    }

    /** It published all but this as before. */
    void change(String name, Consumer<MemberBuilder> change) {
        replace(name, m -> {
            MemberBuilder changed = m.but();
            change.accept(changed);
            return changed.build();
        });
    }
}
