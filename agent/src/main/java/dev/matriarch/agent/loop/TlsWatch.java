package dev.matriarch.agent.loop;

import dev.matriarch.tls.LiveTls;
import dev.matriarch.tls.SeldomRepeated;
import dev.matriarch.tls.TlsFiles;
import dev.matriarch.tls.authority.AuthorityEnd;
import dev.matriarch.tls.authority.OwnCertificate;
import java.io.IOException;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.concurrent.ThreadFactory;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;

/**
 * Takes up renewed certificates of the control port and of the store, when the files change and when asked to, and warns of those that end
 * soon; makes those anew, when it is time, that come from the cluster's own authority. Looks at the files every few seconds on a thread of
 * its own.
 */
public final class TlsWatch implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(TlsWatch.class);
    static final Duration PERIOD = Duration.ofSeconds(2);
    private static final Duration SOON = Duration.ofDays(14);
    private static final Duration WARN_AGAIN = Duration.ofHours(12);

    private static final ThreadFactory THREADS =
            Thread.ofVirtual().name("tls-watch").factory();

    /** In periods. */
    private static final int LOOK_AT_LIFE = 5;

    private final LiveTls tls;
    private final Optional<OwnCertificate> own;
    private final Thread thread;
    private SeldomRepeated stuck = new SeldomRepeated(WARN_AGAIN, System::nanoTime);
    private SeldomRepeated authorityEnds = new SeldomRepeated(WARN_AGAIN, System::nanoTime);
    private String complaint = "";
    private Instant warned = Instant.MIN;

    /** @param own what this node makes itself; absent: somebody else brings and renews its files */
    public TlsWatch(LiveTls tls, Optional<OwnCertificate> own) {
        this.tls = tls;
        this.own = own;
        LOG.info("Control port and store: certificate {}", tls.words());
        thread = THREADS.newThread(this::watch);
        thread.start();
    }

    private void watch() {
        try {
            for (int i = 0; !Thread.currentThread().isInterrupted(); i++) {
                if (i % LOOK_AT_LIFE == 0) {
                    own.ifPresent(this::renew);
                }
                warnOfTheEnd(Instant.now());
                Thread.sleep(PERIOD);
                took(tls::reloadIfChanged);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void renew(OwnCertificate certificate) {
        try {
            AuthorityEnd.near(certificate.files().authorityCertificate(), Instant.now())
                    .filter(end -> authorityEnds.isNews(end.words()))
                    .ifPresent(end ->
                            LOG.atLevel(end.urgent() ? Level.ERROR : Level.WARN).log(end.words()));
            certificate.renewIfDue(Instant.now()).ifPresent(LOG::info);
            stuck = new SeldomRepeated(WARN_AGAIN, System::nanoTime);
        } catch (IOException | RuntimeException | LinkageError e) {
            // Classes that make certificates are loaded late: after an upgrade of the package they may be others.
            String message = String.valueOf(e instanceof LinkageError ? e : e.getMessage());
            if (stuck.isNews(message)) {
                LOG.error("This node's certificate cannot be made anew, which is tried again: {}", message);
            }
        }
    }

    /** Reads the files now. Any thread. */
    public void reload(TlsFiles files) {
        took(() -> tls.reload(files));
    }

    private interface Reading {
        boolean read() throws IOException;
    }

    private synchronized void took(Reading reading) {
        try {
            if (reading.read()) {
                LOG.info("Control port and store: new certificate {}", tls.words());
                warned = Instant.MIN;
            }
            complaint = "";
        } catch (IOException | RuntimeException | LinkageError e) {
            String message = String.valueOf(e.getMessage());
            if (!message.equals(complaint)) {
                complaint = message;
                LOG.error(
                        "The changed certificate of control port and store is not taken up, the old one stays: {}",
                        message);
            }
        }
    }

    private synchronized void warnOfTheEnd(Instant now) {
        Instant end = tls.validUntil();
        if (now.isBefore(end.minus(soon())) || Duration.between(warned, now).compareTo(WARN_AGAIN) < 0) {
            return;
        }
        warned = now;
        if (now.isAfter(end)) {
            LOG.error(
                    "The certificate of control port and store has expired, others refuse it; renew it: {}",
                    tls.words());
        } else {
            LOG.warn("The certificate of control port and store ends soon; renew it: {}", tls.words());
        }
    }

    /** One that is made here may live for less than two weeks, and is made anew when a third of its life is left. */
    private Duration soon() {
        X509Certificate shown = tls.certificate();
        Duration quarter = Duration.between(
                        shown.getNotBefore().toInstant(), shown.getNotAfter().toInstant())
                .dividedBy(4);
        return own.isPresent() && quarter.compareTo(SOON) < 0 ? quarter : SOON;
    }

    @Override
    public void close() {
        thread.interrupt();
    }
}
