package dev.matriarch.agent.postgres;

import java.util.OptionalLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A start with the configuration written last. A server that does not start with new lines of pg_hba.conf starts with the old
 * ones. From the thread that acts.
 */
final class TrialStart {
    private static final Logger log = LoggerFactory.getLogger(TrialStart.class);

    private final Postmaster postmaster;
    private final ConfigurationFiles files;

    TrialStart(Postmaster postmaster, ConfigurationFiles files) {
        this.postmaster = postmaster;
        this.files = files;
    }

    /**
     * Returns as soon as the postmaster lives, and with new lines when it has read its files.
     *
     * @param notAfter nothing is started after this moment, in hundredths of a second of uptime
     */
    Startup run(OptionalLong notAfter, Deadline deadline) throws PostgresException {
        try {
            Startup first = postmaster.start(notAfter, deadline);
            if (!files.hasNewAccessFiles()) {
                return first;
            }
            if (postmaster.hasReadItsFiles(deadline)) {
                files.acceptHba();
                return first;
            }
            if (!files.takeBackHba()) {
                return first;
            }
        } catch (EndedAtOnceException e) {
            // It reads its files a moment after it has written the pid file: who looks late sees neither.
            if (!files.hasNewAccessFiles() || !files.takeBackHba()) {
                throw e;
            }
        }
        Startup second = postmaster.start(notAfter, deadline);
        if (postmaster.hasReadItsFiles(deadline)) {
            log.error("PostgreSQL does not start with the configured lines of pg_hba.conf, its log names the line; the"
                    + " old file stays in force: correct postgresql.pg_hba and reload");
        } else {
            files.doubtHbaNoLonger();
        }
        return second;
    }
}
