package dev.matriarch.kubernetes;

import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.Expected;
import dev.matriarch.dcs.http.Budget;
import dev.matriarch.kubernetes.KubeObjects.Extra;
import dev.matriarch.kubernetes.KubernetesApi.Forbidden;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;

/**
 * The object with the synchronous standbys as it was seen last, and the mark on it that makes whatever an earlier leader still has on its
 * way to it late. Not for several threads at once.
 */
final class SyncObject {
    /** Its value is of no interest, but that it changes. */
    static final String MARK = "matriarch.dev/settled";

    private final KubeObjects objects;
    private final String name;
    private Optional<KubeObject> last = Optional.empty();
    /** From the first to the second version nothing but the mark has changed. */
    private long sameFrom;

    private long sameTo;

    SyncObject(KubeObjects objects, String name) {
        this.objects = objects;
        this.name = name;
    }

    void seen(Optional<KubeObject> object) {
        last = object;
    }

    Optional<KubeObject> last() {
        return last;
    }

    /** @return false: somebody else has changed the object since it was looked at */
    boolean mark(Budget budget) throws DcsException {
        long was = last.map(KubeObject::version).orElse(0L);
        String before = last.flatMap(s -> s.annotation(MARK)).orElse("");
        String next = Sighting.text(Sighting.later(Instant.now(), Sighting.micros(before)));
        Optional<KubeObject> done =
                objects.change(name, last, Map.of(MARK, Optional.of(next)), Extra.NONE, Forbidden.LATER, budget);
        if (done.isEmpty()) {
            return false;
        }
        if (was != sameTo) {
            sameFrom = was;
        }
        last = done;
        sameTo = done.get().version();
        return true;
    }

    /** @return empty: somebody else has changed the object since it was looked at */
    Optional<KubeObject> write(Map<String, Optional<String>> annotations, Budget budget) throws DcsException {
        Optional<KubeObject> done = objects.change(name, last, annotations, Extra.NONE, Forbidden.AT_ONCE, budget);
        if (done.isPresent()) {
            last = done;
        }
        return done;
    }

    boolean is(Expected expected) {
        return switch (expected) {
            case Expected.Anything() -> true;
            case Expected.Absent() ->
                last.flatMap(s -> s.annotation(Sighting.LEADER)).isEmpty();
            case Expected.Revision(long revision) -> isAt(revision);
        };
    }

    private boolean isAt(long revision) {
        long version = last.map(KubeObject::version).orElse(0L);
        return version == revision || version == sameTo && revision >= sameFrom && revision < sameTo;
    }
}
