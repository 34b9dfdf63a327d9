package dev.matriarch.agent.join;

import com.google.protobuf.ByteString;
import dev.matriarch.proto.store.v1.TokenNote;
import java.security.MessageDigest;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;

/** Whether a token lets somebody in, by the clock of the member that is asked. Pure. */
final class TokenJudge {
    /** Clocks of members differ: a token counts for that much longer than it says. */
    static final Duration TOLERANCE = Duration.ofSeconds(60);

    /** How long a token that has ended is remembered, so that who shows it is told what became of it. */
    static final Duration REMEMBERED = Duration.ofDays(1);

    static final String UNKNOWN =
            "the token is none of this cluster's, or it ended long ago. Make one with: matriarchctl" + " cluster token";

    private TokenJudge() {}

    /** Takes the same time whatever differs. */
    static boolean isSecret(TokenNote note, ByteString shown) {
        return MessageDigest.isEqual(
                note.getSecretHash().toByteArray(), JoinToken.hash(shown).toByteArray());
    }

    /** Why the token does not count; for those only who have shown its secret. */
    static Optional<String> objection(TokenNote note, Instant now) {
        if (!note.getUsedBy().isEmpty()) {
            return Optional.of("the token was used already, by " + note.getUsedBy() + " at " + note.getUsedAddress()
                    + " at " + Instant.ofEpochMilli(note.getUsedMillis())
                    + ". It counts once; if that was not you, somebody else has it: look at matriarchctl list and"
                    + " raft list-peers. Another one: matriarchctl cluster token");
        }
        if (note.getRevokedMillis() != 0) {
            return Optional.of("the token was revoked at " + Instant.ofEpochMilli(note.getRevokedMillis())
                    + ". Another one: matriarchctl cluster token");
        }
        if (isOver(note, now)) {
            return Optional.of("the token expired at " + Instant.ofEpochMilli(note.getExpiresMillis())
                    + ". Another one: matriarchctl cluster token");
        }
        return Optional.empty();
    }

    /** {@code open}, {@code used}, {@code revoked} or {@code expired}. */
    static String state(TokenNote note, Instant now) {
        if (!note.getUsedBy().isEmpty()) {
            return "used";
        }
        if (note.getRevokedMillis() != 0) {
            return "revoked";
        }
        return isOver(note, now) ? "expired" : "open";
    }

    private static boolean isOver(TokenNote note, Instant now) {
        return now.isAfter(Instant.ofEpochMilli(note.getExpiresMillis()).plus(TOLERANCE));
    }
}
