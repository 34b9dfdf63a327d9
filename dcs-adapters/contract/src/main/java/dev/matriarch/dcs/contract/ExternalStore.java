package dev.matriarch.dcs.contract;

/** A store that others administrate: it may be wiped, sessions may be ended, and anybody may write into it. */
public interface ExternalStore extends StoreUnderTest {
    /** The servers begin again with nothing. */
    void wipe() throws Exception;

    /** Ends every lease or session of this cluster's members, as an administrator could. */
    void endSessions() throws Exception;

    /** Writes a key of this cluster past the adapter. @param key as in {@link dev.matriarch.dcs.json.ClusterKeys} */
    void put(String key, String value) throws Exception;

    /** The raw value of a key of this cluster; null if there is none. */
    String get(String key) throws Exception;
}
