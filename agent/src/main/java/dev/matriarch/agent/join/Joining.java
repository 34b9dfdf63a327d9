package dev.matriarch.agent.join;

import dev.matriarch.agent.config.HostPort;
import dev.matriarch.agent.config.NodeKind;
import dev.matriarch.proto.control.v1.JoinClusterReply;
import dev.matriarch.proto.control.v1.JoinClusterRequest;
import dev.matriarch.proto.control.v1.PrepareJoinReply;
import dev.matriarch.tls.Pem;
import dev.matriarch.tls.authority.CertificateAuthority;
import dev.matriarch.tls.authority.CertificateRequest;
import dev.matriarch.tls.authority.OwnFiles;
import java.io.IOException;
import java.io.PrintStream;
import java.net.BindException;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.SocketException;
import java.net.UnknownHostException;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * One join, on the new host: everything that can be refused is refused before the token is used up, and nothing is written before.
 */
final class Joining {
    private static final Duration PAUSE = Duration.ofMillis(500);

    /**
     * What the person says.
     *
     * @param host by which the others call this one; absent: the address that leads to the member that is asked
     * @param directory of all files; absent: where the other members have theirs
     * @param kind what this host is to be
     */
    record Wishes(String name, Optional<String> host, Path configuration, Optional<Path> directory, NodeKind kind) {}

    private final JoinToken token;
    private final Wishes wishes;
    private final Duration patience;
    private final Supplier<Instant> wall;
    private final PrintStream out;

    /** @param patience for how long members that do not answer are asked again */
    Joining(JoinToken token, Wishes wishes, Duration patience, Supplier<Instant> wall, PrintStream out) {
        this.token = token;
        this.wishes = wishes;
        this.patience = patience;
        this.wall = wall;
        this.out = out;
    }

    /** @throws IOException if it is refused or fails; the message says why and what is left */
    void run() throws IOException {
        refuseIf(NewHost.objection(wishes.configuration(), List.of()));
        long begun = System.nanoTime();
        for (boolean first = true; ; first = false) {
            Round round = ask();
            if (round.joined()) {
                return;
            }
            if (!round.again() || System.nanoTime() - begun >= patience.toNanos()) {
                throw new IOException("no member that the token names could be used; nothing was changed:"
                        + round.failures()
                        + (round.again() ? "\nThey were asked for " + patience.toSeconds() + " s" : ""));
            }
            if (first) {
                out.println("Waiting up to " + patience.toSeconds() + " s for a member that the token names to answer:"
                        + round.failures());
            }
            pause();
        }
    }

    /**
     * All members that the token names were asked once.
     *
     * @param again whether one of them gave no answer that would be the same the next time
     */
    private record Round(boolean joined, boolean again, String failures) {}

    private Round ask() throws IOException {
        StringBuilder failures = new StringBuilder();
        boolean again = false;
        for (String text : token.addresses()) {
            try {
                HostPort address = HostPort.parse(text, 0);
                String host = host(address);
                try (Introduction member = Introduction.to(address, token, wall.get())) {
                    out.println(
                            "Cluster " + token.scope() + ": " + member.member() + " has the authority of the token");
                    JoinClusterRequest request = request(host);
                    PrepareJoinReply prepared = member.prepare(request);
                    refuseIf(prepared.getProblem());
                    if (request.getWitness() != prepared.getWitness()
                            || request.getListener() != prepared.getListener()) {
                        String kind = wishes.kind().word();
                        throw new Introduction.Unfit("its version lets members in by a token, and no " + kind
                                + "; upgrade it, or add the " + kind + " by hand (docs/runbooks/add-a-" + kind
                                + ".md)");
                    }
                    join(member, request, prepared);
                    return new Round(true, false, "");
                }
            } catch (Introduction.Unfit | IllegalArgumentException e) {
                failures.append("\n  ").append(text).append(": ").append(e.getMessage());
                again |= e instanceof Introduction.Silent;
            }
        }
        return new Round(false, again, failures.toString());
    }

    private static void pause() throws IOException {
        try {
            Thread.sleep(PAUSE);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted; nothing was changed", e);
        }
    }

    private static void refuseIf(String why) throws IOException {
        if (!why.isEmpty()) {
            throw new IOException(why + ". Nothing was changed on this host");
        }
    }

    private static void refuseIf(Optional<String> why) throws IOException {
        refuseIf(why.orElse(""));
    }

    private JoinClusterRequest request(String host) {
        return JoinClusterRequest.newBuilder()
                .setTokenId(token.id())
                .setSecret(token.secret())
                .setName(wishes.name())
                .setHost(host)
                .setDirectory(wishes.directory().map(Path::toString).orElse(""))
                .setNowMillis(wall.get().toEpochMilli())
                .setWitness(wishes.kind() == NodeKind.WITNESS)
                .setListener(wishes.kind() == NodeKind.LISTENER)
                .build();
    }

    private void join(Introduction member, JoinClusterRequest prepared, PrepareJoinReply reply) throws IOException {
        refuseIf(NewHost.objection(
                wishes.configuration(),
                reply.getEmptyDirectoriesList().stream().map(Path::of).toList()));
        OwnFiles files = new OwnFiles(Path.of(reply.getTlsDirectory()));
        try (NewHost.Draft draft = new NewHost.Draft(wishes.configuration())) {
            files.create();
            KeyPair key = CertificateAuthority.newKey();
            JoinClusterReply let = member.join(prepared.toBuilder()
                    .setNowMillis(wall.get().toEpochMilli())
                    .setCertificateRequest(CertificateRequest.of(key, wishes.name()))
                    .build());
            refuseIf(let.getProblem());
            try {
                keep(files, key, let, member);
                draft.complete(header(member) + let.getConfiguration());
            } catch (IOException | RuntimeException e) {
                throw new IOException(
                        "the token was used up, but not everything could be written (" + e.getMessage() + "). Remove "
                                + files.directory() + " and what is left of " + wishes.configuration()
                                + ", and begin again with another token, the same name and the same address",
                        e);
            }
            out.println("Certificate of " + wishes.name() + " in " + files.directory() + ", valid until "
                    + files.certificate().getNotAfter().toInstant());
            out.println("Configuration in " + wishes.configuration() + ": that of " + member.member()
                    + (member() ? "" : ", what of it a " + wishes.kind().word() + " needs,") + " with the address "
                    + prepared.getHost());
        }
    }

    private void keep(OwnFiles files, KeyPair key, JoinClusterReply let, Introduction member) throws IOException {
        X509Certificate made =
                Pem.certificates(let.getCertificate(), "the answer").getFirst();
        try {
            made.verify(member.authority().getPublicKey());
        } catch (GeneralSecurityException e) {
            throw new IOException("the certificate is not of the token's authority: " + e.getMessage(), e);
        }
        if (!made.getPublicKey().equals(key.getPublic())) {
            throw new IOException("the certificate is not for the key of this host");
        }
        files.keepAuthority(CertificateAuthority.parse(let.getAuthority()));
        files.trust(Pem.certificates(let.getTrusted(), "the answer"));
        files.keepNode(List.of(made), key);
    }

    private String header(Introduction member) {
        return "# The " + wishes.kind().word() + " " + wishes.name() + " of cluster " + token.scope()
                + ", written by matriarch join on " + wall.get() + " after the configuration of " + member.member()
                + ".\n"
                + (member() ? "# It holds passwords: keep it readable by the agent's user only.\n" : "")
                + "\n";
    }

    /** Others than members are told nothing of PostgreSQL. */
    private boolean member() {
        return wishes.kind() == NodeKind.MEMBER;
    }

    /** By which the others are to call this host. */
    private String host(HostPort member) throws IOException, Introduction.Unfit {
        if (wishes.host().isEmpty()) {
            try (DatagramSocket socket = new DatagramSocket()) {
                // Sends nothing; the system chooses the address that such a packet would leave from.
                socket.connect(new InetSocketAddress(member.host(), member.port()));
                return bare(socket.getLocalAddress());
            } catch (SocketException | java.io.UncheckedIOException e) {
                throw new Introduction.Unfit("there is no way to it: " + e.getMessage());
            }
        }
        String host = wishes.host().get();
        try (ServerSocket socket = new ServerSocket()) {
            socket.bind(new InetSocketAddress(InetAddress.getByName(host), 0));
        } catch (UnknownHostException e) {
            throw new IOException(
                    "the address " + host + " is not known on this host; give another with --address. Nothing was"
                            + " changed",
                    e);
        } catch (BindException e) {
            throw new IOException(
                    "this host has not the address " + host
                            + ", on which its agent is to listen; give one of its own with --address. Nothing was changed",
                    e);
        }
        return host;
    }

    private static String bare(InetAddress address) {
        String text = address.getHostAddress();
        return text.indexOf('%') < 0 ? text : text.substring(0, text.indexOf('%'));
    }
}
