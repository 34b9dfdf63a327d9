package dev.matriarch.bench;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * Three members of the built-in store and an etcd of three servers, all on this machine and with fsync, in turn: how long a member waits
 * for its write, how many writes a second its clients get, and how long the store is silent after SIGKILL of its Raft leader.
 */
final class StoreBench implements AutoCloseable {
    private static final int ROUNDS = 4;
    private static final int SECONDS = 4;
    private static final int KILLS = 15;

    private final Path dir;
    private final String etcd;
    private final List<Process> others = new ArrayList<>();
    private final List<Member> peers = new ArrayList<>();
    private final List<String> addresses;

    private StoreBench(String etcd, Path dir) throws IOException {
        this.etcd = etcd;
        this.dir = dir;
        this.addresses = List.of(free(), free(), free());
    }

    /** Arguments: the etcd program, an empty directory. */
    public static void main(String[] args) throws Exception {
        try (StoreBench bench = new StoreBench(args[0], Path.of(args[1]))) {
            bench.run();
        }
    }

    private static String free() throws IOException {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return "127.0.0.1:" + socket.getLocalPort();
        }
    }

    private void run() throws Exception {
        for (int i = 0; i < 3; i++) {
            peers.add(peer(i));
        }
        Member client = etcdClient();
        Member leader = leader();
        Member follower = peers.stream().filter(p -> p != leader).findFirst().orElseThrow();
        System.out.println("| clients | member | writes/s | p50 | p99 |\n|---|---|---|---|---|");
        for (int clients : new int[] {1, 16, 64}) {
            // The first round warms up; then in turn, so that the machine's moods meet all of them alike.
            Times ofLeader = new Times();
            Times ofFollower = new Times();
            Times ofEtcd = new Times();
            for (int round = 0; round <= ROUNDS; round++) {
                ofLeader.add(leader.write(clients), round > 0);
                ofEtcd.add(client.write(clients), round > 0);
                ofFollower.add(follower.write(clients), round > 0);
            }
            row(clients, "built-in store, at the Raft leader", ofLeader);
            row(clients, "built-in store, at another member", ofFollower);
            row(clients, "etcd of three, through the adapter", ofEtcd);
            System.out.printf(
                    Locale.ROOT,
                    "| | **ratio to etcd**: at the Raft leader; at another member | %.2f; %.2f | %.2f; %.2f | %.2f; %.2f |%n",
                    ofLeader.perSecond() / ofEtcd.perSecond(),
                    ofFollower.perSecond() / ofEtcd.perSecond(),
                    ofLeader.quantile(0.5) / ofEtcd.quantile(0.5),
                    ofFollower.quantile(0.5) / ofEtcd.quantile(0.5),
                    ofLeader.quantile(0.99) / ofEtcd.quantile(0.99),
                    ofFollower.quantile(0.99) / ofEtcd.quantile(0.99));
        }
        silence();
    }

    private static void row(int clients, String what, Times times) {
        System.out.printf(
                Locale.ROOT,
                "| %d | %s | %.0f | %.2f ms | %.2f ms |%s%n",
                clients,
                what,
                times.perSecond(),
                times.quantile(0.5) / 1000,
                times.quantile(0.99) / 1000,
                times.failed == 0 ? "" : " " + times.failed + " failed");
    }

    /** From SIGKILL of the Raft leader until another member's next write is confirmed. */
    private void silence() throws Exception {
        List<Double> millis = new ArrayList<>();
        for (int i = 0; i < KILLS; i++) {
            Member leader = leader();
            int index = peers.indexOf(leader);
            Member other = peers.get((index + 1) % 3);
            long begin = System.nanoTime();
            leader.process.destroyForcibly();
            long end = other.next(begin);
            if (end < 0) {
                throw new IOException("no write was confirmed within 30 s after the Raft leader's death");
            }
            millis.add((end - begin) / 1e6);
            peers.set(index, peer(index));
            peers.get(index).next(System.nanoTime());
        }
        millis.sort(null);
        System.out.printf(
                Locale.ROOT,
                "SIGKILL of the Raft leader to the next confirmed write, %d times: median %.0f ms, worst %.0f ms%n",
                KILLS,
                millis.get(KILLS / 2),
                millis.getLast());
    }

    private Member leader() throws Exception {
        long end = System.nanoTime() + Duration.ofSeconds(30).toNanos();
        while (System.nanoTime() < end) {
            for (Member peer : peers) {
                if (peer.ask("role").equals("role LEADER")) {
                    return peer;
                }
            }
            Thread.sleep(50);
        }
        throw new IOException("no Raft leader within 30 s");
    }

    private Member peer(int i) throws IOException {
        return member(
                "raft",
                "n" + (i + 1),
                dir.resolve("n" + (i + 1)).toString(),
                addresses.get(i),
                String.join(",", addresses));
    }

    private Member etcdClient() throws IOException {
        List<String> clients = List.of(free(), free(), free());
        List<String> between = List.of(free(), free(), free());
        String all = IntStream.range(0, 3)
                .mapToObj(i -> "e" + i + "=http://" + between.get(i))
                .collect(Collectors.joining(","));
        for (int i = 0; i < 3; i++) {
            others.add(new ProcessBuilder(
                            etcd,
                            "--name=e" + i,
                            "--data-dir=" + dir.resolve("etcd" + i),
                            "--listen-client-urls=http://" + clients.get(i),
                            "--advertise-client-urls=http://" + clients.get(i),
                            "--listen-peer-urls=http://" + between.get(i),
                            "--initial-advertise-peer-urls=http://" + between.get(i),
                            "--initial-cluster=" + all)
                    .redirectErrorStream(true)
                    .redirectOutput(dir.resolve("etcd" + i + ".log").toFile())
                    .start());
        }
        Member client = member("etcd", clients.stream().map(c -> "http://" + c).collect(Collectors.joining(",")));
        others.add(client.process);
        if (client.next(0) < 0) {
            throw new IOException("etcd takes no writes; its words are in " + dir);
        }
        return client;
    }

    /** With the options that agents have. */
    private Member member(String... arguments) throws IOException {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--sun-misc-unsafe-memory-access=allow",
                "--enable-native-access=ALL-UNNAMED",
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-Xmx64m",
                "-cp",
                System.getProperty("java.class.path"),
                StoreClient.class.getName()));
        command.addAll(Arrays.asList(arguments));
        File said = dir.resolve(arguments[1].startsWith("http") ? "client.log" : arguments[1] + ".log")
                .toFile();
        return new Member(new ProcessBuilder(command)
                .redirectError(ProcessBuilder.Redirect.appendTo(said))
                .start());
    }

    @Override
    public void close() {
        List<Process> all = new ArrayList<>(others);
        peers.forEach(p -> all.add(p.process));
        all.forEach(Process::destroyForcibly);
        all.forEach(p -> p.onExit().orTimeout(10, TimeUnit.SECONDS).join());
    }

    /** Ends with this process at the latest, as its standard input does. */
    private static final class Member {
        private final Process process;
        private final BufferedReader answers;

        Member(Process process) {
            this.process = process;
            this.answers = process.inputReader();
        }

        String ask(String order) throws IOException {
            process.outputWriter().write(order + "\n");
            process.outputWriter().flush();
            String answer = answers.readLine();
            if (answer == null) {
                throw new IOException("a member ended; its log says why");
            }
            return answer;
        }

        String write(int clients) throws IOException {
            return ask("write " + clients + " " + SECONDS).substring("wrote ".length());
        }

        long next(long since) throws IOException {
            return Long.parseLong(ask("next " + since).substring("written ".length()));
        }
    }

    private static final class Times {
        private final List<Long> micros = new ArrayList<>();
        private int failed;
        private int rounds;

        void add(String line, boolean counts) throws IOException {
            if (!counts) {
                return;
            }
            rounds++;
            for (String word : line.split(" ")) {
                if (word.startsWith("failed=")) {
                    failed += Integer.parseInt(word.substring("failed=".length()));
                } else {
                    micros.add(Long.parseLong(word));
                }
            }
            if (micros.isEmpty()) {
                throw new IOException("no write was confirmed in " + SECONDS + " s");
            }
        }

        double perSecond() {
            return (double) micros.size() / rounds / SECONDS;
        }

        double quantile(double q) {
            List<Long> sorted = micros.stream().sorted().toList();
            return sorted.get((int) Math.min(sorted.size() - 1L, (long) (q * sorted.size())));
        }
    }
}
