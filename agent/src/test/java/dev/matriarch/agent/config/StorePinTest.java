package dev.matriarch.agent.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Which of several stores a member uses: the one that it is noted to use, whatever the order of the sections. */
class StorePinTest {
    private static final String RAFT =
            "raft: {data_dir: /r, self_addr: '10.0.0.1:2222', partner_addrs: ['10.0.0.2:2222']}\n";
    private static final String ETCD = "etcd3: {host: '10.0.0.9:2379'}\n";

    @TempDir
    Path dir;

    private ConfigSource source(String sections, String dcs) throws Exception {
        Path file = Files.writeString(dir.resolve("n1.yml"), """
                scope: demo
                name: n1
                state_dir: %s
                restapi: {listen: 10.0.0.1:8008}
                postgresql:
                  listen: 10.0.0.1:5432
                  data_dir: /var/lib/demo
                  authentication:
                    superuser: {username: postgres, password: a}
                    replication: {username: replicator, password: b}
                bootstrap: {dcs: %s}
                """.formatted(dir, dcs) + sections);
        return new ConfigSource(Optional.of(file), Map.of());
    }

    private String used(String sections) throws Exception {
        return source(sections, "{ttl: 30}").current().config().store().section();
    }

    @Test
    void withoutANoteTheFirstSectionIsUsed() throws Exception {
        assertEquals("etcd3", used(RAFT + ETCD));
        StorePin.noted("another", "raft").write(dir);
        assertEquals("etcd3", used(RAFT + ETCD));
    }

    @Test
    void aSectionThatIsAddedMovesNobody() throws Exception {
        StorePin.noted("demo", "raft").write(dir);
        assertEquals("raft", used(RAFT + ETCD));
        assertEquals(
                List.of("etcd3", "raft"),
                source(RAFT + ETCD, "{ttl: 30}").current().stores());
        // A timing that only the store that is not used refuses is in nobody's way.
        assertEquals(
                "raft",
                source(RAFT + ETCD, "{ttl: 5, loop_wait: 1, retry_timeout: 2}")
                        .current()
                        .config()
                        .store()
                        .section());
    }

    @Test
    void aNoteOfTheOrderOfSectionsEndsWithItsSection() throws Exception {
        StorePin.noted("demo", "raft").write(dir);
        assertEquals("etcd3", used(ETCD));
    }

    @Test
    void aMoveToASectionThatIsGoneIsAnError() throws Exception {
        new StorePin("demo", "raft", true, "etcd3", true, false, Map.of()).write(dir);
        ConfigProblems refused = assertThrows(ConfigProblems.class, () -> used(ETCD));
        assertTrue(refused.getMessage().contains("raft is missing: this member was moved to"), refused.getMessage());
        assertEquals("raft", used(RAFT));
    }

    @Test
    void aNoteThatCannotBeReadIsAnError() throws Exception {
        Files.writeString(dir.resolve(StorePin.FILE), "{\"format\": 1");
        ConfigProblems refused = assertThrows(ConfigProblems.class, () -> used(RAFT + ETCD));
        assertTrue(refused.getMessage().contains("is damaged"), refused.getMessage());
    }

    @Test
    void allOfItIsReadBack() throws Exception {
        StorePin pin = new StorePin("demo", "raft", true, "etcd3", false, true, Map.of("n2", "10.0.0.2:8009"));
        pin.write(dir);
        assertEquals(Optional.of(pin), StorePin.read(dir, "demo"));
        pin.asSettled().asOver().write(dir);
        StorePin later = StorePin.read(dir, "demo").orElseThrow();
        assertTrue(later.settled() && !later.resume(), later::toString);
    }

    @Test
    void theFileIsJudgedByAnotherStoreToo() throws Exception {
        ConfigSource source = source(RAFT + ETCD, "{ttl: 30}");
        assertEquals("raft", source.with("raft").store().section());
        assertTrue(assertThrows(ConfigProblems.class, () -> source.with("consul"))
                .getMessage()
                .contains("consul is missing"));
        ConfigSource quick = source(
                "raft: {self_addr: '10.0.0.1:2222', data_dir: /r}\n", "{ttl: 5, loop_wait: 1, retry_timeout: 2}");
        assertThrows(ConfigProblems.class, () -> quick.with("etcd3"));
    }
}
