package dev.matriarch.agent.config;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Files;
import java.util.List;
import org.junit.jupiter.api.Test;

/** docs/configuration.md is what the readers say and settings.txt describes. CONTRIBUTING.md: "A new setting". */
class SettingsPageTest {
    @Test
    void everyKeyIsDescribedAndEveryDescriptionHasItsKey() {
        assertEquals(
                List.of(),
                SettingsPage.gaps(Declared.now(), Catalogue.read()),
                "see CONTRIBUTING.md, \"A new setting\"");
    }

    @Test
    void theConfigurationWithEverySettingIsRight() {
        assertEquals(
                List.of(),
                ConfigFile.examine(new Sources("every-setting.yml", Declared.every()))
                        .problems());
    }

    /** {@code -Dmatriarch.docs=write} writes the page instead. */
    @Test
    void thePageSaysWhatIsRead() throws Exception {
        String page = SettingsPage.of(Declared.now(), Catalogue.read());
        if ("write".equals(System.getProperty("matriarch.docs"))) {
            Files.writeString(SettingsPage.FILE, page);
        }
        assertEquals(
                page,
                Files.readString(SettingsPage.FILE),
                "docs/configuration.md is not up to date: run SettingsPageTest with -Dmatriarch.docs=write");
    }
}
