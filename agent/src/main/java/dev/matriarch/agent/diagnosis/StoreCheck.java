package dev.matriarch.agent.diagnosis;

import dev.matriarch.agent.diagnosis.Diagnosis.Check;
import dev.matriarch.proto.control.v1.ListPeersReply;
import dev.matriarch.proto.control.v1.MemberFacts;
import dev.matriarch.proto.control.v1.RaftPeerRow;
import dev.matriarch.proto.control.v1.StoreFacts;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;

/** The configuration store: whether it answers, what it holds, and what it survives. */
final class StoreCheck implements Check {
    /** The role of a peer that says nothing. */
    private static final String UNREACHABLE = "unreachable";

    private static final double SLOW_DISK_MILLIS = 200;

    @Override
    public List<Finding> look(Examination of) {
        Notes notes = new Notes("store");
        health(of, notes);
        content(of, notes);
        agreement(of, notes);
        backups(of, notes);
        of.peers().ifPresent(peers -> {
            peers(peers, notes);
            listeners(peers, notes);
            partners(of, peers, notes);
        });
        boolean builtIn = of.facts().values().stream()
                .anyMatch(f ->
                        f.getName().equals(of.asked()) && f.getStore().getKind().equals("raft"));
        if (builtIn && of.peers().isEmpty()) {
            notes.warning(
                    "store-peers",
                    of.asked(),
                    "its agent cannot say who the peers of the store are: it does not reach its own control port, or the"
                            + " peers do not answer in time",
                    "look at control.connect_address of " + of.asked() + "; matriarchctl raft list-peers says more");
        }
        return notes.findings();
    }

    private static void health(Examination of, Notes notes) {
        of.facts().forEach((name, facts) -> {
            if (!facts.hasStore()) {
                // That it could not be looked at is said already.
                return;
            }
            StoreFacts store = facts.getStore();
            String fix = switch (store.getKind()) {
                case "raft" ->
                    "matriarchctl raft list-peers shows who is missing; docs/runbooks say how a majority comes back";
                case "consul" -> "look at Consul (consul members) and at the way there from " + name;
                case "kubernetes" ->
                    "look at the API server and at what the pod's service account may do (kubectl auth can-i --list), from "
                            + name;
                case "zookeeper", "exhibitor" ->
                    "look at ZooKeeper (zkServer.sh status on its hosts) and at the way there from " + name;
                default -> "look at etcd (etcdctl endpoint health) and at the way there from " + name;
            };
            if (!store.getHealth().startsWith("ok")) {
                notes.error("store-answers", name, store.getHealth(), fix);
            } else if (!store.getSeen()) {
                notes.error("store-answers", name, "it has not read the cluster out of the store yet", fix);
            } else if (store.getViewAgeMillis() > of.config().ttl().toMillis()) {
                notes.error(
                        "store-answers",
                        name,
                        "what it knows of the cluster is " + store.getViewAgeMillis() / 1000 + " s old, older than ttl",
                        fix);
            }
            if (store.getFsyncP99Millis() > SLOW_DISK_MILLIS) {
                notes.warning(
                        "store-disk",
                        name,
                        "the log of the store waits " + Math.round(store.getFsyncP99Millis())
                                + " ms for the disk, one time in a hundred",
                        "put raft.data_dir on a faster disk, away from PostgreSQL's");
            }
        });
        notes.otherwise("store-answers", "the store answers every member");
    }

    private static void content(Examination of, Notes notes) {
        Map<String, List<String>> problems = new LinkedHashMap<>();
        boolean anyData = false;
        boolean initialized = false;
        boolean configured = false;
        for (MemberFacts facts : of.facts().values()) {
            StoreFacts store = facts.getStore();
            problems.put(facts.getName(), store.getConfigProblemsList());
            String own = facts.getPostgres().getSystemIdentifier();
            anyData |= !own.isEmpty();
            initialized |= store.hasInitialize();
            configured |= store.getConfigThere();
            boolean foreign = store.hasInitialize()
                    && !store.getInitialize().isEmpty()
                    && !own.isEmpty()
                    && !own.equals(store.getInitialize());
            if (foreign) {
                notes.error(
                        "whose-data",
                        facts.getName(),
                        "its data directory is of another cluster than the store's (system identifier " + own + ", not "
                                + store.getInitialize() + "): two clusters under the one name '" + of.scope() + "'?",
                        "give one of the two clusters another scope; or, if the data of " + facts.getName()
                                + " are not needed, move its data directory away");
            }
        }
        notes.otherwise("whose-data", "every member has the data of this cluster");
        boolean seen = of.facts().values().stream().anyMatch(f -> f.getStore().getSeen());
        if (seen && anyData && !initialized) {
            notes.error(
                    "store-content",
                    "",
                    "the store does not know the cluster (no key initialize), although there are data: was it emptied?",
                    "start the agent of the member that led last, before any other: it fills the store again;"
                            + " docs/runbooks/emptied-store.md has the rest");
        } else if (seen && !configured) {
            notes.warning(
                    "store-content",
                    "",
                    "the store holds no cluster-wide configuration; each member goes by what it knew before",
                    "matriarchctl edit-config " + of.scope() + " writes one");
        }
        notes.otherwise("store-content", "the store holds the cluster and its configuration");
        Examination.grouped(
                problems,
                of.facts().size(),
                (member, problem) -> notes.note(
                        problem.contains("JSON"),
                        "store-configuration",
                        member,
                        "cluster-wide configuration: " + problem,
                        "matriarchctl edit-config " + of.scope()));
        notes.otherwise("store-configuration", "nothing in the cluster-wide configuration would be refused");
    }

    private static void backups(Examination of, Notes notes) {
        double youngest = Double.MAX_VALUE;
        boolean any = false;
        for (MemberFacts facts : of.facts().values()) {
            StoreFacts store = facts.getStore();
            double interval = store.getBackupIntervalSeconds();
            if (interval <= 0) {
                continue;
            }
            any = true;
            if (store.hasBackupAgeSeconds()) {
                youngest = Math.min(youngest, store.getBackupAgeSeconds());
            }
            if (store.getBackupFailed()) {
                notes.warning(
                        "store-backup",
                        facts.getName(),
                        "it could not save the store when it last tried"
                                + (store.hasBackupAgeSeconds()
                                        ? "; its last file is " + age(store.getBackupAgeSeconds()) + " old"
                                        : ", and has no file of it"),
                        "the agent's log says why; look at raft.backup.directory, its owner and its disk");
            } else if (store.hasBackupAgeSeconds() && store.getBackupAgeSeconds() > 2 * interval + 60) {
                notes.warning(
                        "store-backup",
                        facts.getName(),
                        "it has not saved the store for " + age(store.getBackupAgeSeconds())
                                + ", although raft.backup.interval is " + age(interval),
                        "the agent's log says why; matriarchctl raft snapshot save makes one now");
            }
        }
        boolean builtIn = of.facts().values().stream()
                .anyMatch(f -> f.getStore().getKind().equals("raft"));
        if (any) {
            notes.otherwise(
                    "store-backup",
                    youngest == Double.MAX_VALUE
                            ? "the store is to be saved, and has not been yet"
                            : "the store was saved " + age(youngest) + " ago");
        } else if (builtIn) {
            notes.otherwise("store-backup", "no member saves the store by itself (raft.backup)");
        }
    }

    private static String age(double seconds) {
        return seconds < 120
                ? Math.round(seconds) + " s"
                : seconds < 7200 ? Math.round(seconds / 60) + " min" : Math.round(seconds / 3600) + " h";
    }

    private static void agreement(Examination of, Notes notes) {
        SortedMap<String, String> identifiers = of.known(f -> f.getStore().getInitialize());
        SortedMap<String, String> leaders =
                of.known(f -> f.getStore().getSeen() ? named(f.getStore().getLeader()) : "");
        if (Notes.differ(identifiers.values())) {
            notes.error(
                    "one-store",
                    "",
                    "the members see different stores, by their system identifiers: " + Notes.byValue(identifiers),
                    "compare the section of the store (raft, etcd3, consul, zookeeper…), scope and namespace of all members");
        } else if (Notes.differ(leaders.values())) {
            notes.warning(
                    "one-store",
                    "",
                    "the members see different leaders: " + Notes.byValue(leaders),
                    "ask again: a change of the leader may be going on. If it stays so, compare the section raft of"
                            + " all members");
        }
        notes.otherwise("one-store", "all members see the same cluster and the same leader");
    }

    private static String named(String leader) {
        return leader.isEmpty() ? "nobody" : leader;
    }

    /** By {@code raft.partner_addrs} a host that has lost everything but its configuration finds the others. */
    private static void partners(Examination of, ListPeersReply peers, Notes notes) {
        of.facts().forEach((name, facts) -> {
            StoreFacts store = facts.getStore();
            List<String> lacking = peers.getPeersList().stream()
                    .filter(RaftPeerRow::getVoter)
                    .map(RaftPeerRow::getAddress)
                    .filter(a -> !a.equals(store.getPeerAddress())
                            && !store.getPartnersList().contains(a))
                    .toList();
            if (!store.getPeerAddress().isEmpty() && !lacking.isEmpty()) {
                notes.warning(
                        "store-partners",
                        name,
                        "raft.partner_addrs in its file lacks " + String.join(", ", lacking)
                                + ": if it loses its disk, it may not find the others",
                        "add them to the file of " + name + "; nothing needs a restart for that");
            }
        });
        notes.otherwise("store-partners", "every member's file names the other peers of the store");
    }

    /** They have no vote: what they lack is no danger to anybody. */
    private static void listeners(ListPeersReply peers, Notes notes) {
        List<RaftPeerRow> all =
                peers.getPeersList().stream().filter(RaftPeerRow::getListener).toList();
        for (RaftPeerRow peer : all) {
            if (!peer.getHealthy()) {
                boolean answers = !peer.getRole().equals(UNREACHABLE);
                notes.warning(
                        "store-listeners",
                        peer.getName(),
                        "the listener at " + peer.getAddress() + " does not follow the store: " + peer.getNote()
                                + ". The store goes on without it, but stays at its feature level when the agents are"
                                + " upgraded",
                        answers
                                ? "ask again in a moment: it may be catching up. If it stays so, its log says why, and"
                                        + " matriarchctl raft list-peers shows what it sees"
                                : "start it (systemctl start matriarch-listener); if its host is gone for good:"
                                        + " matriarchctl raft remove-peer "
                                        + (peer.getName().isEmpty() ? peer.getAddress() : peer.getName()));
            }
        }
        if (!all.isEmpty()) {
            notes.otherwise(
                    "store-listeners",
                    Notes.count(all.size(), "listener follows the store", "listeners follow the store"));
        }
    }

    private static void peers(ListPeersReply peers, Notes notes) {
        for (RaftPeerRow peer : peers.getPeersList()) {
            if (peer.getVoter() && !peer.getHealthy()) {
                boolean answers = !peer.getRole().equals(UNREACHABLE);
                notes.note(
                        peers.getFailureTolerance() == 0,
                        "store-peers",
                        peer.getName(),
                        "the peer of the store at " + peer.getAddress() + " does not take part: " + peer.getNote(),
                        answers
                                ? "ask again in a moment: it may be catching up, or an election may be going on. If it"
                                        + " stays so, matriarchctl raft list-peers shows what each of them sees"
                                : "start its agent; if the host is gone for good: matriarchctl raft remove-peer "
                                        + (peer.getName().isEmpty() ? peer.getAddress() : peer.getName()));
            }
        }
        for (String disagreement : peers.getDisagreementsList()) {
            notes.warning(
                    "store-peers",
                    "",
                    disagreement,
                    "matriarchctl raft list-peers shows what each of them sees; ask again in a moment");
        }
        notes.otherwise(
                "store-peers",
                Notes.count(peers.getVoters(), "peer of the store has a vote", "peers of the store have votes")
                        + ", and all is well with them");
        if (peers.getHealthy() * 2 <= peers.getVoters()) {
            notes.error(
                    "store-tolerance",
                    "",
                    "the store has no majority: " + peers.getHealthy() + " of " + peers.getVoters()
                            + " peers are well. Without one there is no primary for longer than ttl",
                    "bring peers back; docs/runbooks say what to do if they are gone for good");
        } else if (peers.getFailureTolerance() == 0) {
            boolean one = peers.getVoters() == 1;
            notes.warning(
                    "store-tolerance",
                    "",
                    one
                            ? "the store has one peer: without it there is no primary"
                            : "the store stops if one more peer fails (" + peers.getHealthy() + " of "
                                    + peers.getVoters() + " are well)",
                    peers.getVoters() <= 2
                            ? "matriarchctl raft add-peer, until there are three; a witness is enough (docs/store.md)"
                            : "bring the missing peer back first");
        } else if (peers.getVoters() % 2 == 0) {
            notes.warning(
                    "store-tolerance",
                    "",
                    "the store has " + peers.getVoters() + " peers with a vote: one less would survive as many losses",
                    "add a peer, such as a witness, or remove one (matriarchctl raft add-peer, remove-peer)");
        }
        notes.otherwise(
                "store-tolerance",
                "the store goes on if " + Notes.count(peers.getFailureTolerance(), "peer fails", "peers fail"));
    }
}
