package dev.matriarch.agent.diagnosis;

/**
 * One thing that was looked at.
 *
 * @param area configuration, clocks, …
 * @param check what was looked at; the name stays the same from release to release
 * @param member whom it is about; empty: the cluster as a whole
 * @param found what is there, for people
 * @param fix what to do, a sentence or a command; empty if nothing needs to be done
 */
public record Finding(Severity severity, String area, String check, String member, String found, String fix) {

    /** Beginning with the worst. */
    public enum Severity {
        /** The cluster is, or at the next fault will be, without service, data or protection. */
        ERROR,
        /** Works, but not as it should. */
        WARNING,
        OK;

        /** As programs read it. */
        public String word() {
            return name().toLowerCase(java.util.Locale.ROOT);
        }
    }
}
