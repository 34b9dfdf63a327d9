package dev.matriarch.agent.doctor;

import dev.matriarch.agent.config.AgentConfig;
import dev.matriarch.agent.config.ConsulConfig;
import dev.matriarch.agent.config.EtcdConfig;
import dev.matriarch.agent.config.KubernetesConfig;
import dev.matriarch.agent.config.PostgresConfig;
import dev.matriarch.agent.config.RaftConfig;
import dev.matriarch.agent.config.ZooKeeperConfig;
import dev.matriarch.agent.postgres.ServerReport;
import dev.matriarch.agent.postgres.linux.Inodes;
import dev.matriarch.proto.control.v1.CertificateFacts;
import dev.matriarch.proto.control.v1.DiskFacts;
import dev.matriarch.proto.control.v1.FileFacts;
import dev.matriarch.tls.LiveTls;
import dev.matriarch.tls.Pem;
import dev.matriarch.tls.TlsFiles;
import java.io.IOException;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFileAttributes;
import java.nio.file.attribute.PosixFilePermission;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.stream.Stream;

/**
 * Disks, files and certificates of this host. A disk may hang: there is a thread of its own for it, and no second one while
 * that waits.
 */
final class Host {
    record Look(List<DiskFacts> disks, List<FileFacts> files, List<CertificateFacts> certificates) {}

    private FutureTask<Look> running;

    /** The look that is begun now, or the one that still waits for a disk. */
    synchronized Future<Look> begin(Own own) {
        if (running == null || running.isDone()) {
            running = new FutureTask<>(() -> look(own));
            Thread.ofPlatform().daemon().name("doctor-disk").start(running);
        }
        return running;
    }

    private static Look look(Own own) {
        AgentConfig config = own.source().current().config();
        return new Look(disks(config), files(own, config), certificates(config));
    }

    // --- disks ---

    private static List<DiskFacts> disks(AgentConfig config) {
        Map<String, Path> places = new LinkedHashMap<>();
        places.put("data directory", config.postgres().dataDir());
        places.put("WAL", config.postgres().dataDir().resolve("pg_wal"));
        places.putAll(Tablespaces.of(config.postgres().dataDir()));
        config.builtIn().ifPresent(raft -> places.put("store", raft.dataDir()));
        places.put("state of the agent", config.stateDir());
        config.builtIn()
                .flatMap(RaftConfig::backup)
                .ifPresent(backup -> places.put("backups of the store", backup.directory()));
        Map<FileStore, DiskFacts.Builder> disks = new LinkedHashMap<>();
        List<DiskFacts> unknown = new ArrayList<>();
        places.forEach((what, path) -> {
            try {
                Path real = path.toRealPath();
                FileStore store = Files.getFileStore(real);
                DiskFacts.Builder known = disks.get(store);
                if (known != null) {
                    known.setWhat(known.getWhat() + ", " + what);
                    return;
                }
                DiskFacts.Builder disk = DiskFacts.newBuilder()
                        .setWhat(what)
                        .setPath(real.toString())
                        .setTotal(store.getTotalSpace())
                        .setFree(store.getUsableSpace());
                Inodes.of(real, config.stateDir())
                        .ifPresent(inodes -> disk.setInodes(inodes.total()).setInodesFree(inodes.free()));
                disks.put(store, disk);
            } catch (NoSuchFileException e) {
                // A member without data yet; a tablespace that is gone is told of among the files.
                return;
            } catch (IOException e) {
                unknown.add(DiskFacts.newBuilder()
                        .setWhat(what)
                        .setPath(path.toString())
                        .setProblem(e.toString())
                        .build());
            }
        });
        return Stream.concat(disks.values().stream().map(DiskFacts.Builder::build), unknown.stream())
                .toList();
    }

    // --- files ---

    private static List<FileFacts> files(Own own, AgentConfig config) {
        List<FileFacts> files = new ArrayList<>();
        String user = System.getProperty("user.name", "");
        add(files, "data directory", config.postgres().dataDir(), false, user);
        Tablespaces.of(config.postgres().dataDir()).forEach((what, path) -> {
            if (Files.exists(path)) {
                add(files, what, path, false, user);
            } else {
                files.add(FileFacts.newBuilder()
                        .setWhat(what)
                        .setPath(path.toString())
                        .setProblem("is not there, or is not mounted")
                        .build());
            }
        });
        boolean secret = own.source().current().filesHoldSecrets();
        own.source().file().ifPresent(file -> {
            if (Files.isDirectory(file)) {
                try (Stream<Path> parts = Files.list(file)) {
                    parts.filter(p -> p.toString().endsWith(".yml")
                                    || p.toString().endsWith(".yaml"))
                            .sorted()
                            .forEach(p -> add(files, "configuration", p, secret, user));
                } catch (IOException e) {
                    files.add(unreadable("configuration", file, e));
                }
            } else {
                add(files, "configuration", file, secret, user);
            }
        });
        config.builtIn().ifPresent(raft -> add(files, "store", raft.dataDir(), false, user));
        add(files, "state of the agent", config.stateDir(), false, user);
        config.tls().map(TlsFiles::key).ifPresent(key -> add(files, "key", key, true, user));
        config.rest().tls().ifPresent(tls -> add(files, "key", tls.keyfile().orElse(tls.certfile()), true, user));
        add(files, "passwords", config.postgres().pgpass(), true, user);
        return files;
    }

    private static void add(List<FileFacts> files, String what, Path path, boolean secret, String user) {
        try {
            PosixFileAttributes attributes = Files.readAttributes(path, PosixFileAttributes.class);
            int agent = (Integer) Files.getAttribute(Path.of("/proc/self"), "unix:uid");
            boolean own = agent == (Integer) Files.getAttribute(path, "unix:uid");
            String owner = attributes.owner().getName();
            // An agent in a container may have no name.
            String named = user.isEmpty() || user.equals("?") ? Integer.toString(agent) : user;
            files.add(FileFacts.newBuilder()
                    .setWhat(what)
                    .setPath(path.toString())
                    .setMode(mode(attributes))
                    .setOwner(owner)
                    .setAgentUser(own ? owner : named)
                    .setSecret(secret)
                    .setShutIn(shutIn(path))
                    .build());
        } catch (NoSuchFileException e) {
            // A member without data yet, or a configuration that was read from the environment.
            return;
        } catch (IOException | UnsupportedOperationException e) {
            files.add(unreadable(what, path, e));
        }
    }

    /** Nobody but the owner, root and the file's group gets to it, whatever its own permissions are. */
    private static boolean shutIn(Path path) throws IOException {
        Path real = path.toRealPath();
        Object group = Files.getAttribute(real, "unix:gid");
        for (Path above = real.getParent(); above != null; above = above.getParent()) {
            int mode = (Integer) Files.getAttribute(above, "unix:mode");
            boolean groupEnters =
                    (mode & 0010) != 0 && !Files.getAttribute(above, "unix:gid").equals(group);
            if ((mode & 0001) == 0 && !groupEnters) {
                return true;
            }
        }
        return false;
    }

    private static FileFacts unreadable(String what, Path path, Exception e) {
        return FileFacts.newBuilder()
                .setWhat(what)
                .setPath(path.toString())
                .setProblem(e.toString())
                .build();
    }

    private static int mode(PosixFileAttributes attributes) {
        int mode = 0;
        for (PosixFilePermission permission : attributes.permissions()) {
            // OWNER_READ is the first and the highest bit.
            mode |= 0400 >> permission.ordinal();
        }
        return mode;
    }

    // --- certificates ---

    private static List<CertificateFacts> certificates(AgentConfig config) {
        List<CertificateFacts> all = new ArrayList<>();
        config.tls().ifPresent(tls -> {
            all.add(own("certificate of the control port", tls.certificate(), fits(tls)));
            all.add(authorities(
                    tls.own().isPresent() ? "the cluster's own authority" : "authorities of the control port",
                    tls.ca()));
        });
        config.rest().tls().ifPresent(tls -> {
            all.add(own("certificate of the REST door", tls.certfile(), Optional.empty()));
            tls.cafile().ifPresent(ca -> all.add(authorities("authorities of the REST door", ca)));
        });
        switch (config.store()) {
            case RaftConfig raft -> {}
            case ZooKeeperConfig zoo ->
                zoo.access()
                        .tls()
                        .ifPresent(t -> ofTheStore(
                                all, "ZooKeeper", t.cert(), t.cacert().filter(ca -> t.verify())));
            case EtcdConfig etcd -> ofTheStore(all, "etcd", etcd.cert(), etcd.cacert());
            case KubernetesConfig kubernetes -> ofTheStore(all, "Kubernetes", Optional.empty(), kubernetes.cacert());
            case ConsulConfig consul -> ofTheStore(all, "Consul", consul.cert(), consul.cacert());
        }
        roles(config.postgres())
                .forEach((role, path) -> all.add(own("client certificate of " + role, path, Optional.empty())));
        return all;
    }

    /** That of PostgreSQL itself, where it takes TLS. May hang with the disk. */
    static CertificateFacts certificate(AgentConfig config, ServerReport report) {
        return own(
                "certificate of PostgreSQL",
                config.postgres().dataDir().resolve(report.certificate()),
                Optional.empty());
    }

    private static void ofTheStore(
            List<CertificateFacts> all, String store, Optional<Path> certificate, Optional<Path> authorities) {
        certificate.ifPresent(file -> all.add(own("client certificate for " + store, file, Optional.empty())));
        authorities.ifPresent(file -> all.add(authorities("authorities of " + store, file)));
    }

    private static Map<String, Path> roles(PostgresConfig postgres) {
        Map<String, Path> files = new LinkedHashMap<>();
        for (PostgresConfig.Role role : List.of(postgres.superuser(), postgres.replication(), postgres.rewind())) {
            role.security().option("sslcert").ifPresent(file -> files.put(role.username(), Path.of(file)));
        }
        return files;
    }

    /** Why certificate, key and authorities cannot be used together. */
    private static Optional<String> fits(TlsFiles tls) {
        try {
            new LiveTls(tls, refused -> {});
            return Optional.empty();
        } catch (IOException e) {
            return Optional.of(String.valueOf(e.getMessage()));
        }
    }

    /** Good as long as all of the chain is. */
    private static CertificateFacts own(String what, Path file, Optional<String> problem) {
        CertificateFacts.Builder facts =
                CertificateFacts.newBuilder().setWhat(what).setPath(file.toString());
        try {
            List<X509Certificate> chain = Pem.certificates(file);
            facts.setSubject(chain.getFirst().getSubjectX500Principal().getName())
                    .setFromMillis(chain.getFirst().getNotBefore().getTime())
                    .setUntilMillis(chain.stream()
                            .mapToLong(c -> c.getNotAfter().getTime())
                            .min()
                            .orElse(0));
            problem.ifPresent(facts::setProblem);
        } catch (IOException e) {
            facts.setProblem(String.valueOf(e.getMessage()));
        }
        return facts.build();
    }

    /** Good as long as one of them is: old ones stay in bundles. */
    private static CertificateFacts authorities(String what, Path file) {
        CertificateFacts.Builder facts =
                CertificateFacts.newBuilder().setWhat(what).setPath(file.toString());
        try {
            X509Certificate last = Pem.certificates(file).stream()
                    .max(Comparator.comparing(X509Certificate::getNotAfter))
                    .orElseThrow();
            facts.setSubject(last.getSubjectX500Principal().getName())
                    .setFromMillis(last.getNotBefore().getTime())
                    .setUntilMillis(last.getNotAfter().getTime());
        } catch (IOException e) {
            facts.setProblem(String.valueOf(e.getMessage()));
        }
        return facts.build();
    }
}
