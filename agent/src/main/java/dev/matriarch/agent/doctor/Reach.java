package dev.matriarch.agent.doctor;

import dev.matriarch.agent.config.HostPort;
import dev.matriarch.agent.config.RaftConfig;
import dev.matriarch.agent.postgres.PostgresServer;
import dev.matriarch.dcs.Member;
import dev.matriarch.proto.control.v1.ReachFacts;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.SecureRandom;
import java.security.cert.X509Certificate;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManager;
import javax.net.ssl.X509TrustManager;

/** Whether another member's ports can be reached from here. Each question ends within about two seconds. */
final class Reach {
    private static final Duration PATIENCE = Duration.ofMillis(1500);
    private static final String TOO_MANY_CONNECTIONS = "53300";
    private static final int POSTGRES_PORT = 5432;
    private static final int REST_PORT = 8008;

    private Reach() {}

    interface Attempt {
        void make() throws IOException, SQLException;
    }

    /** One door of one member, to be tried. */
    record Way(String member, String door, String address, Attempt attempt) {
        /** @param first waits: members that log in to one server at the same moment take its places from each other */
        ReachFacts triedAfter(Duration first) {
            try {
                Thread.sleep(first);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
            return tried();
        }

        /** A login at PostgreSQL. */
        boolean isLogin() {
            return door.equals("postgresql") || door.equals("rewind");
        }

        ReachFacts tried() {
            long began = System.nanoTime();
            String problem = "";
            try {
                attempt.make();
            } catch (SQLException e) {
                problem = isFull(e) ? "" : reason(e);
            } catch (IOException | IllegalArgumentException e) {
                problem = reason(e);
            }
            return facts(problem, Duration.ofNanos(System.nanoTime() - began));
        }

        /** When nobody waits for it any longer. */
        ReachFacts silent(Duration after) {
            return facts("no answer within " + after.toMillis() + " ms", after);
        }

        private ReachFacts facts(String problem, Duration took) {
            return ReachFacts.newBuilder()
                    .setMember(member)
                    .setDoor(door)
                    .setAddress(address)
                    .setProblem(problem)
                    .setMillis(took.toMillis())
                    .build();
        }
    }

    /** There is a server, and all its connections or WAL senders are taken: it is reached. */
    private static boolean isFull(SQLException e) {
        return TOO_MANY_CONNECTIONS.equals(e.getSQLState());
    }

    private static String reason(Exception e) {
        Throwable deepest = e;
        while (deepest.getCause() != null && deepest instanceof IOException) {
            deepest = deepest.getCause();
        }
        String message = deepest.getMessage();
        return message == null || message.isBlank()
                ? deepest.toString()
                : message.replaceAll("\\s+", " ").strip();
    }

    /** As a standby would come: address, TLS, pg_hba.conf and password are right if this succeeds. */
    static Way postgres(PostgresServer server, Member other) {
        return new Way(other.name(), "postgresql", address(other.connUrl(), POSTGRES_PORT), () -> {
            HostPort at = HostPort.parse(address(other.connUrl(), POSTGRES_PORT), POSTGRES_PORT);
            server.logInAsStandby(at.host(), at.port(), PATIENCE);
        });
    }

    /** As pg_rewind would come. */
    static Way rewind(PostgresServer server, Member leader) {
        return new Way(leader.name(), "rewind", address(leader.connUrl(), POSTGRES_PORT), () -> {
            HostPort at = HostPort.parse(address(leader.connUrl(), POSTGRES_PORT), POSTGRES_PORT);
            server.logInForRewind(at.host(), at.port(), PATIENCE);
        });
    }

    /** Any answer in HTTP counts; with TLS that the other side speaks it. Whose certificate it shows is not looked at. */
    static Way rest(Member other) {
        return new Way(other.name(), "rest", address(other.apiUrl(), REST_PORT), () -> {
            HostPort at = HostPort.parse(address(other.apiUrl(), REST_PORT), REST_PORT);
            try (Socket socket = connected(at)) {
                if (other.apiUrl().startsWith("https:")) {
                    handshake(socket, at);
                } else {
                    greet(socket, at);
                }
            }
        });
    }

    /**
     * The peers of the store that this member's file names.
     *
     * @param members to say whose they are
     */
    static List<Way> peers(RaftConfig raft, List<Member> members) {
        return raft.partners().stream()
                .map(partner -> {
                    List<String> there = members.stream()
                            .filter(m -> !m.rpcAddress().isEmpty())
                            .filter(m ->
                                    HostPort.parse(m.rpcAddress(), 0).host().equals(partner.host()))
                            .map(Member::name)
                            .toList();
                    return new Way(
                            // Empty if it cannot be said whose it is.
                            there.size() == 1 ? there.getFirst() : "",
                            "store",
                            partner.toString(),
                            () -> connected(partner).close());
                })
                .toList();
    }

    private static String address(String url, int standardPort) {
        try {
            URI uri = URI.create(url);
            return new HostPort(
                            Optional.ofNullable(uri.getHost()).orElse("").replaceAll("[\\[\\]]", ""),
                            uri.getPort() > 0 ? uri.getPort() : standardPort)
                    .toString();
        } catch (IllegalArgumentException e) {
            return url;
        }
    }

    private static Socket connected(HostPort at) throws IOException {
        Socket socket = new Socket();
        try {
            socket.connect(new InetSocketAddress(at.host(), at.port()), (int) PATIENCE.toMillis());
            socket.setSoTimeout((int) PATIENCE.toMillis());
            return socket;
        } catch (IOException e) {
            socket.close();
            throw e;
        }
    }

    private static void greet(Socket socket, HostPort at) throws IOException {
        socket.getOutputStream()
                .write(("GET /liveness HTTP/1.1\r\nHost: " + at + "\r\nConnection: close\r\n\r\n")
                        .getBytes(StandardCharsets.US_ASCII));
        byte[] answer = socket.getInputStream().readNBytes(5);
        if (!new String(answer, StandardCharsets.US_ASCII).equals("HTTP/")) {
            throw new IOException("what answers there does not speak HTTP");
        }
    }

    private static void handshake(Socket socket, HostPort at) throws IOException {
        try {
            SSLContext context = SSLContext.getInstance("TLS");
            context.init(null, new TrustManager[] {new AnyCertificate()}, new SecureRandom());
            try (SSLSocket secured =
                    (SSLSocket) context.getSocketFactory().createSocket(socket, at.host(), at.port(), true)) {
                secured.startHandshake();
            }
        } catch (GeneralSecurityException e) {
            throw new IOException("no TLS here: " + e.getMessage(), e);
        }
    }

    /** Nothing is said over this connection. */
    private static final class AnyCertificate implements X509TrustManager {
        @Override
        public void checkClientTrusted(X509Certificate[] chain, String type) {
            // Not asked for.
        }

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String type) {
            // Who is there is not the question.
        }

        @Override
        public X509Certificate[] getAcceptedIssuers() {
            return new X509Certificate[0];
        }
    }
}
