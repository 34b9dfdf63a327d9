package dev.matriarch.agent.join;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.ByteString;
import dev.matriarch.agent.config.HostPort;
import dev.matriarch.agent.rpc.FakeLocalAgent;
import dev.matriarch.agent.rpc.Peers;
import dev.matriarch.proto.control.v1.CreateTokenReply;
import dev.matriarch.proto.control.v1.CreateTokenRequest;
import dev.matriarch.proto.control.v1.ListTokensRequest;
import dev.matriarch.proto.control.v1.RevokeTokenReply;
import dev.matriarch.proto.control.v1.RevokeTokenRequest;
import dev.matriarch.proto.control.v1.TokenServiceGrpc;
import dev.matriarch.tls.TlsFiles;
import dev.matriarch.tls.authority.CertificateAuthority;
import dev.matriarch.tls.authority.NextAuthority;
import dev.matriarch.tls.authority.OwnFiles;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What a token is good for, from its creation to its end. */
@Timeout(120)
class JoinTokenTest {
    @TempDir
    Path dir;

    private JoinScene scene;

    @BeforeEach
    void open() throws Exception {
        scene = new JoinScene(dir);
    }

    @AfterEach
    void close() throws Exception {
        scene.close();
    }

    @Test
    void aTokenLetsOneHostIn() throws Exception {
        JoinToken token = scene.token();
        assertEquals(0, scene.join(token, "n2"), () -> scene.said);
        scene.refused(token, "n3", "the token was used already, by n2 at 127.0.0.2 at ", "--address", "127.0.0.3");
        assertEquals("n2", scene.rows().getFirst().getUsedBy());
        RevokeTokenReply late = scene.tokens()
                .revokeToken(RevokeTokenRequest.newBuilder().setId(token.id()).build());
        assertFalse(late.getDone());
        assertTrue(late.getMessage().contains("was used already, by n2"), late::getMessage);
    }

    @Test
    void aWrongSecretIsToldNothingAndGuessesAreCounted() throws Exception {
        JoinToken right = scene.token();
        JoinToken wrong = new JoinToken(
                right.id(),
                ByteString.copyFromUtf8("x".repeat(24)),
                right.authority(),
                right.addresses(),
                right.expires(),
                "demo");
        JoinToken unknown = new JoinToken(
                "00000000", right.secret(), right.authority(), right.addresses(), right.expires(), "demo");
        scene.refused(unknown, "n2", TokenJudge.UNKNOWN);
        for (int i = 1; i < Guesses.OF_ONE_HOST; i++) {
            scene.refused(wrong, "n2", TokenJudge.UNKNOWN);
        }
        scene.refused(right, "n2", "too many wrong tokens were shown");
        assertEquals("open", scene.rows().getFirst().getState());
    }

    @Test
    void anExpiredOrRevokedTokenIsRefused() throws Exception {
        JoinToken token = scene.token();
        scene.membersClock = Duration.ofSeconds(600 + 120);
        scene.hostsClock = scene.membersClock;
        scene.refused(token, "n2", "the token expired at " + token.expires());
        scene.membersClock = Duration.ZERO;
        scene.hostsClock = scene.membersClock;
        assertTrue(scene.tokens()
                .revokeToken(RevokeTokenRequest.newBuilder().setId(token.id()).build())
                .getDone());
        scene.refused(token, "n2", "the token was revoked at ");
        assertEquals("revoked", scene.rows().getFirst().getState());
        assertFalse(scene.tokens()
                .revokeToken(RevokeTokenRequest.newBuilder().setId("nothing").build())
                .getDone());
    }

    @Test
    void whileTheAuthorityIsChangedNobodyIsLetIn() throws Exception {
        JoinToken open = scene.token();
        assertEquals(Optional.of("Open tokens for new members were revoked: 1"), JoinDoor.revokeTokens(scene.store));
        assertEquals(Optional.empty(), JoinDoor.revokeTokens(scene.store));
        scene.refused(open, "n2", "the token was revoked at ");
        OwnFiles files = new OwnFiles(scene.tls.own().orElseThrow().directory());
        files.keepNext(new NextAuthority(
                CertificateAuthority.create("demo", Instant.now()), List.of(scene.authority.certificate())));
        CreateTokenReply refused = scene.tokens()
                .createToken(CreateTokenRequest.newBuilder().setTtlSeconds(600).build());
        assertTrue(refused.getProblem().contains("authority is being changed"), refused::getProblem);
        files.forgetNext();
        scene.token();
    }

    @Test
    void aMemberThatCannotSignAsksOneThatCan() throws Exception {
        HostPort n2 = JoinScene.freePort();
        OwnFiles files = new OwnFiles(dir.resolve("brought"));
        JoinScene.certified(files.directory(), "n2", scene.authority);
        TlsFiles brought =
                new TlsFiles(files.directory().resolve("ca.crt"), files.node(), files.node(), Optional.empty());
        Peers other = scene.door("n2", n2, brought, Optional.empty(), agent -> List.of());
        TokenServiceGrpc.TokenServiceBlockingStub asked = TokenServiceGrpc.newBlockingStub(other.channel(n2));
        CreateTokenRequest request =
                CreateTokenRequest.newBuilder().setTtlSeconds(60).build();
        scene.tell(FakeLocalAgent.member("n2", "primary", n2.toString()));
        assertTrue(asked.withDeadlineAfter(30, TimeUnit.SECONDS)
                .createToken(request)
                .getProblem()
                .startsWith("no member that answers can sign certificates"));
        scene.tell(
                FakeLocalAgent.member("n1", "replica", scene.n1.toString()),
                FakeLocalAgent.member("n2", "primary", n2.toString()));
        CreateTokenReply made = asked.withDeadlineAfter(30, TimeUnit.SECONDS).createToken(request);
        assertEquals("", made.getProblem());
        assertEquals("n1", made.getName());
        JoinToken token = JoinToken.parse(made.getToken());
        assertEquals(List.of(scene.n1.toString()), token.addresses());
        assertEquals(0, scene.join(token, "n3"), () -> scene.said);
    }

    @Test
    void aTokenThatWouldLiveTooLongAndAStoreThatIsAwayAreRefused() {
        for (long ttl : new long[] {0, 9, 8 * 86_400, -1, Long.MAX_VALUE}) {
            String why = scene.tokens()
                    .createToken(
                            CreateTokenRequest.newBuilder().setTtlSeconds(ttl).build())
                    .getProblem();
            assertTrue(why.startsWith("a token lives from 10 seconds to 7 days"), why);
        }
        scene.store.down = true;
        String away = scene.tokens()
                .createToken(CreateTokenRequest.newBuilder().setTtlSeconds(60).build())
                .getProblem();
        assertEquals("the store has no majority", away);
        assertEquals(
                "the store has no majority",
                scene.tokens()
                        .listTokens(ListTokensRequest.getDefaultInstance())
                        .getProblem());
    }
}
