package dev.matriarch.agent.config;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;

/** Which of the stores that a configuration names is used: the one that this member is noted to use, else the first. */
record StoreChoice(Path stateDir, String scope, Findings findings) {

    /**
     * @param given by section, in Patroni's order; empty values: there is a problem with it, which was noted
     * @param wanted decides; empty: the note in {@code stateDir} does
     */
    Optional<StoreConfig> of(Map<String, Optional<StoreConfig>> given, Optional<String> wanted) {
        if (wanted.isPresent()) {
            if (!given.containsKey(wanted.get())) {
                findings.add(wanted.get(), "is missing: without this section the cluster cannot be kept there");
            }
            return given.getOrDefault(wanted.get(), Optional.empty());
        }
        Optional<StoreConfig> first = given.values().stream().findFirst().flatMap(s -> s);
        if (scope == null || given.isEmpty()) {
            return first;
        }
        try {
            Optional<StorePin> pin = StorePin.read(stateDir, scope);
            if (pin.isEmpty()) {
                return first;
            }
            Optional<StoreConfig> noted = given.getOrDefault(pin.get().store(), Optional.empty());
            if (!given.containsKey(pin.get().store()) && pin.get().ordered()) {
                findings.add(
                        pin.get().store(),
                        "is missing: this member was moved to the store of that section (matriarchctl migrate; "
                                + stateDir.resolve(StorePin.FILE)
                                + "). Put the section back, or move the cluster to another store first. Only if the"
                                + " cluster was moved there by hand, remove that file");
            }
            return given.containsKey(pin.get().store()) ? noted : first;
        } catch (IOException e) {
            findings.add(
                    "state_dir",
                    stateDir.toString(),
                    "holds a note that cannot be read, of which store this member uses: " + e.getMessage()
                            + ". Leave the section of that store alone in the file, and remove the note",
                    Optional.empty());
            return first;
        }
    }
}
