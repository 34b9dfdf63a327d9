package dev.matriarch.agent.postgres;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

class RecoveryFilesTest {
    private static final Map<String, String> UPSTREAM =
            Map.of("primary_conninfo", "host='a' user='it''s'", "primary_slot_name", "");

    @Test
    void fromPostgres12OnASignalFileSaysWhatKindOfRecoveryItIs() throws Exception {
        RecoveryFiles standby = RecoveryFiles.of(12, RecoveryFiles.Kind.STANDBY, UPSTREAM);
        assertEquals(Map.of("standby.signal", ""), standby.present());
        assertEquals(Set.of("recovery.signal", "recovery.conf"), standby.absent());
        assertEquals(UPSTREAM, standby.parameters());
        assertEquals(
                Map.of("recovery.signal", ""),
                RecoveryFiles.of(15, RecoveryFiles.Kind.TARGETED, Map.of()).present());
        assertEquals(
                Set.of("standby.signal", "recovery.signal", "recovery.conf"),
                RecoveryFiles.of(15, RecoveryFiles.Kind.NONE, UPSTREAM).absent());
    }

    @Test
    void beforePostgres12AllOfItStandsInRecoveryConf() throws Exception {
        RecoveryFiles standby = RecoveryFiles.of(11, RecoveryFiles.Kind.STANDBY, UPSTREAM);
        assertEquals(
                Map.of("recovery.conf", "primary_conninfo = 'host=''a'' user=''it''''s'''\nstandby_mode = 'on'\n"),
                standby.present());
        assertEquals(Map.of(), standby.parameters());
        assertEquals(Set.of("standby.signal", "recovery.signal"), standby.absent());
        assertEquals(
                Map.of("recovery.conf", "recovery_target_time = '2026-01-01'\n"),
                RecoveryFiles.of(11, RecoveryFiles.Kind.TARGETED, Map.of("recovery_target_time", "2026-01-01"))
                        .present());
        RecoveryFiles primary = RecoveryFiles.of(9, RecoveryFiles.Kind.NONE, UPSTREAM);
        assertEquals(Map.of(), primary.present());
        assertEquals(Map.of(), primary.parameters());
    }

    @Test
    void aNameThatIsNoParametersIsRefused() {
        assertThrows(
                PostgresException.class, () -> RecoveryFiles.of(11, RecoveryFiles.Kind.TARGETED, Map.of("a\nb", "x")));
    }
}
