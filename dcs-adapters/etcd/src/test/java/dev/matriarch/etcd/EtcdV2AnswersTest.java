package dev.matriarch.etcd;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.http.Budget;
import dev.matriarch.etcd.Door.Reply;
import dev.matriarch.etcd.EtcdCluster.Again;
import dev.matriarch.etcd.EtcdV2Api.Answer;
import dev.matriarch.etcd.EtcdV2Api.If;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** What answers of etcd's v2 API are taken to mean, and which are believed: servers that are none say what real ones seldom do. */
class EtcdV2AnswersTest {
    private static final Duration BRIEF = Duration.ofSeconds(5);
    private static final String KEY = "/service/answers/config";

    /** @return what etcd says if it did it, or did not because of a condition */
    private static Answer put(EtcdV2Api api, Again again) throws DcsException {
        return api.put(KEY, "{}", 0, new If.Unchanged(3), again, new Budget(BRIEF));
    }

    private static DcsException refused(int status, String body) throws IOException {
        try (Door door = new Door(request -> Optional.of(new Reply(status, body)));
                EtcdV2Api api = new EtcdV2Api(Door.settings("answers", door.address()))) {
            return assertThrows(DcsException.class, () -> put(api, Again.FORBIDDEN), "HTTP " + status);
        }
    }

    private static String error(int code) {
        return "{\"errorCode\":" + code + ",\"message\":\"no\",\"cause\":\"reasons\",\"index\":7}";
    }

    @Test
    void onlyEtcdsOwnWordMeansThatAConditionFailed() throws Exception {
        for (int code : List.of(EtcdV2Api.NOT_FOUND, EtcdV2Api.COMPARE_FAILED, EtcdV2Api.EXISTS)) {
            try (Door door = new Door(request -> Optional.of(new Reply(412, error(code))));
                    EtcdV2Api api = new EtcdV2Api(Door.settings("answers", door.address()))) {
                assertEquals(code, put(api, Again.FORBIDDEN).error());
            }
        }
        String elsewhere = assertInstanceOf(Refusal.class, refused(404, "404 page not found"))
                .getMessage();
        assertTrue(elsewhere.contains("--enable-v2"), elsewhere);
    }

    @Test
    void onlyAnAnswerThatDeclinesMeansThatNothingWasDone() throws Exception {
        for (int status : List.of(400, 404, 413, 429)) {
            assertInstanceOf(Refusal.class, refused(status, "<html>"), "HTTP " + status);
        }
        for (int status : List.of(200, 201, 302, 408, 500, 502, 503, 504)) {
            assertFalse(refused(status, "<html>late") instanceof Refusal, "HTTP " + status);
        }
        for (int code : List.of(300, 301)) {
            assertFalse(refused(500, error(code)) instanceof Refusal, "Raft's error " + code);
        }
        for (int code : List.of(102, 104, 107, 202)) {
            assertInstanceOf(Refusal.class, refused(403, error(code)), "error " + code);
        }
        String who = assertInstanceOf(Refusal.class, refused(401, error(110))).getMessage();
        assertTrue(who.contains("give username and password in the section etcd"), who);
    }

    private static Door server(long cluster, int term, int index) throws IOException {
        return new Door(request -> Optional.of(new Reply(
                200,
                "{\"action\":\"get\",\"node\":{\"key\":\"/service/answers\",\"dir\":true}}",
                Map.of(
                        "X-Etcd-Cluster-Id", Long.toHexString(cluster),
                        "X-Raft-Term", Integer.toString(term),
                        "X-Etcd-Index", Integer.toString(index)))));
    }

    @Test
    void aServerThatIsBehindOrOfAnotherClusterIsNotBelieved() throws Exception {
        try (Door known = server(0xfedc_ba98_7654_3210L, 5, 100);
                Door earlier = server(0xfedc_ba98_7654_3210L, 4, 200);
                Door behind = server(0xfedc_ba98_7654_3210L, 5, 99);
                Door other = server(1, 9, 300)) {
            for (Door wrong : List.of(earlier, behind, other)) {
                try (EtcdV2Api api = new EtcdV2Api(Door.settings("answers", known.address(), wrong.address()))) {
                    assertEquals(
                            100,
                            api.tree("/service/answers/", new Budget(BRIEF)).index());
                    known.silent(true);
                    DcsException why = assertThrows(DcsException.class, () -> put(api, Again.FORBIDDEN));
                    assertFalse(why instanceof Refusal, why.getMessage());
                    why = assertThrows(DcsException.class, () -> put(api, Again.FORBIDDEN));
                    assertTrue(why.getMessage().contains("behind the others"), why.getMessage());
                    known.silent(false);
                    assertEquals(
                            100,
                            api.tree("/service/answers/", new Budget(BRIEF)).index());
                }
            }
        }
    }
}
