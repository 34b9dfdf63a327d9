package dev.matriarch.agent.ha;

import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Leader;
import dev.matriarch.dcs.Lsn;
import java.util.Optional;

/**
 * WAL that a standby needs next and that the leader does not have any more, so that it cannot be streamed: the leader was
 * cloned after that point, or has removed it.
 *
 * @param file name of the first WAL file that is missing
 * @param position up to where the standby had WAL when that was found
 */
public record WalGap(String file, Lsn position) {
    /**
     * What is wrong with this member, and what to do; empty if it is not kept from streaming by such a gap. Nothing is done
     * about it: its data is a part of the leader's history, which no setting allows to be removed.
     */
    static Optional<String> sentence(Observation seen) {
        Optional<Leader> leader = seen.view().flatMap(ClusterView::leader);
        Optional<LocalPostgres.Status> status = seen.postgres().status().filter(LocalPostgres.Status::inRecovery);
        // That of a standby cluster was compared with the remote one, and streams from its own leader.
        if (leader.isEmpty()
                || status.isEmpty()
                || seen.settings().standbyCluster().isPresent()) {
            return Optional.empty();
        }
        String name = leader.get().name();
        // Another upstream may have what the leader has not.
        boolean fromLeader = seen.situation()
                .following()
                .filter(u -> u instanceof Upstream.Of of && of.member().equals(name))
                .isPresent();
        return fromLeader
                        && seen.situation().divergenceAgainst(leader.get().epoch())
                                instanceof Divergence.None(Optional<WalGap> gap)
                ? gap.filter(g -> g.stops(status.get())).map(g -> g.words(name))
                : Optional.empty();
    }

    /**
     * False once WAL has come, from wherever. Not asked is whether it streams: a WAL receiver that is about to be refused is
     * streaming for a moment at each try.
     */
    private boolean stops(LocalPostgres.Status status) {
        return !status.position().isAfter(position);
    }

    private String words(String leader) {
        return "cannot catch up: the leader " + leader + " no longer has the WAL file " + file
                + ", which is needed next here, and there is no restore_command. Nothing is lost or removed; run reinit"
                + " for this member, or give it a restore_command that reads an archive";
    }
}
