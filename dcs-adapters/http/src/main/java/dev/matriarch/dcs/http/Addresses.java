package dev.matriarch.dcs.http;

import java.net.URI;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/** The addresses of a service's servers: the one that answered last is asked first. Any thread. */
public final class Addresses {
    private List<URI> inOrder;

    public Addresses(List<URI> configured) {
        inOrder = List.copyOf(configured);
    }

    public synchronized List<URI> inOrder() {
        return inOrder;
    }

    public synchronized URI first() {
        return inOrder.getFirst();
    }

    /** It did not answer: from now on it is asked last. */
    public synchronized void failed(URI address) {
        if (inOrder.size() > 1 && inOrder.contains(address)) {
            List<URI> changed = new ArrayList<>(inOrder);
            changed.remove(address);
            changed.add(address);
            inOrder = List.copyOf(changed);
        }
    }

    /**
     * Takes up what the service says of its servers. Those that were known and are still wanted keep their places.
     *
     * @param wanted without doubles; nothing changes if it is empty
     */
    public synchronized void replace(List<URI> wanted) {
        if (wanted.isEmpty()) {
            return;
        }
        Set<URI> changed = new LinkedHashSet<>(inOrder);
        changed.retainAll(wanted);
        changed.addAll(wanted);
        inOrder = List.copyOf(changed);
    }
}
