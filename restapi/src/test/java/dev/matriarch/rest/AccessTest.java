package dev.matriarch.rest;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.net.InetAddress;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class AccessTest {
    private static Access access(Optional<RestSettings.Credentials> login, boolean members, String... allowlist) {
        return new Access(new RestSettings(
                "",
                0,
                5,
                Optional.empty(),
                new RestSettings.Guests(login, List.of(allowlist), members),
                RestSettings.Headers.NONE,
                true));
    }

    private static int status(Access access, String address, boolean membersCount) throws Exception {
        Caller caller = new Caller(InetAddress.getByName(address), Optional.empty(), Optional.empty(), false, false);
        return access.refusal(caller, Fixture.cluster().members(), membersCount)
                .map(Reply::status)
                .orElse(200);
    }

    @Test
    void withoutAListEverybodyMayAsk() throws Exception {
        assertEquals(200, status(access(Optional.empty(), false), "192.0.2.1", true));
    }

    @Test
    void addressesNetworksAndNamesAreLetIn() throws Exception {
        Access access = access(Optional.empty(), false, "192.0.2.7", "198.51.100.128/25", "localhost", "fd00::/8");
        assertEquals(200, status(access, "192.0.2.7", true));
        assertEquals(403, status(access, "192.0.2.8", true));
        assertEquals(200, status(access, "198.51.100.129", true));
        assertEquals(403, status(access, "198.51.100.127", true));
        assertEquals(200, status(access, "127.0.0.1", true));
        assertEquals(200, status(access, "fd12::1", true));
        assertEquals(403, status(access, "fe80::1", true));
        assertEquals(403, status(access, "10.0.0.2", true));
    }

    @Test
    void aListOfNamesThatCannotBeResolvedLetsNobodyIn() throws Exception {
        assertEquals(403, status(access(Optional.empty(), false, "no-such-host.invalid"), "127.0.0.1", true));
    }

    @Test
    void membersMayBeLetInByTheirRecords() throws Exception {
        Access access = access(Optional.empty(), true);
        assertEquals(200, status(access, "10.0.0.2", true));
        assertEquals(403, status(access, "10.0.0.9", true));
        // A leader without the store asks everybody, and only an explicit list keeps it out.
        assertEquals(200, status(access, "10.0.0.9", false));
        assertEquals(403, status(access(Optional.empty(), true, "192.0.2.1"), "10.0.0.2", false));
        assertEquals(200, status(access(Optional.empty(), true, "192.0.2.1"), "10.0.0.2", true));
    }

    @Test
    void theAddressIsLookedAtBeforeThePassword() throws Exception {
        Access access = access(Optional.of(new RestSettings.Credentials("a", "b")), false, "192.0.2.7");
        assertEquals(403, status(access, "192.0.2.8", true));
        assertEquals(401, status(access, "192.0.2.7", true));
    }
}
