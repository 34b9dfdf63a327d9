package dev.matriarch.agent;

import dev.matriarch.tls.LiveTls;
import dev.matriarch.tls.SeldomRepeated;
import dev.matriarch.tls.TlsFiles;
import dev.matriarch.tls.authority.OwnCertificate;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import org.slf4j.Logger;

/** The certificates of the {@code tls} section, for the control port and for the store's peers. */
final class Certificates {
    private Certificates() {}

    /**
     * @param own is made first if there is none yet, and anew if it is time: the agent may have been away for long
     * @param log told of refused peers, of each at most once a minute
     * @throws IOException if a file cannot be used; the message names it
     */
    static Optional<LiveTls> open(Optional<TlsFiles> files, Optional<OwnCertificate> own, Logger log)
            throws IOException {
        if (files.isEmpty()) {
            return Optional.empty();
        }
        if (own.isPresent()) {
            try {
                own.get().beginIfEmpty(Instant.now()).ifPresent(log::info);
            } catch (IOException e) {
                throw new IOException("tls.authority: " + e.getMessage(), e);
            }
            try {
                own.get().renewIfDue(Instant.now()).ifPresent(log::info);
            } catch (IOException | RuntimeException e) {
                log.error("This node's certificate cannot be made anew: {}", e.getMessage());
            }
        }
        SeldomRepeated refusals = new SeldomRepeated(Duration.ofMinutes(1), System::nanoTime);
        try {
            return Optional.of(new LiveTls(files.get(), sentence -> {
                if (refusals.isNews(sentence)) {
                    log.warn("TLS refused: {}", sentence);
                }
            }));
        } catch (IOException e) {
            throw new IOException("tls: " + e.getMessage(), e);
        }
    }
}
