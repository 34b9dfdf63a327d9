package dev.matriarch.agent.diagnosis;

import dev.matriarch.agent.diagnosis.Diagnosis.Check;
import dev.matriarch.proto.control.v1.CertificateFacts;
import dev.matriarch.proto.control.v1.DoorFacts;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** How long certificates live, and what is open to anybody. */
final class CertificatesCheck implements Check {
    private static final Duration SOON = Duration.ofDays(30);
    private static final Duration VERY_SOON = Duration.ofDays(7);

    @Override
    public List<Finding> look(Examination of) {
        Notes notes = new Notes("certificates");
        expiry(of, notes);
        doors(of, notes);
        return notes.findings();
    }

    private static void expiry(Examination of, Notes notes) {
        Instant first = null;
        for (var member : of.facts().entrySet()) {
            for (CertificateFacts one : member.getValue().getCertificatesList()) {
                String which = one.getWhat() + " " + one.getPath();
                if (!one.getProblem().isEmpty()) {
                    notes.error(
                            "certificate",
                            member.getKey(),
                            which + ": " + one.getProblem(),
                            "correct the file or the setting that names it, then matriarchctl reload " + of.scope()
                                    + " " + member.getKey());
                    continue;
                }
                Instant until = Instant.ofEpochMilli(one.getUntilMillis());
                first = first == null || until.isBefore(first) ? until : first;
                Duration left = Duration.between(of.now(), until);
                String renew = one.getWhat().equals("the cluster's own authority")
                        ? "change it: matriarchctl cert rotate --authority; docs/tls.md, \"The authority\""
                        : "renew it in place (the agent takes up a renewed file by itself), or matriarchctl reload "
                                + of.scope() + " " + member.getKey();
                if (left.isNegative()) {
                    notes.error("certificate", member.getKey(), which + " has expired on " + until, renew);
                } else if (left.compareTo(SOON) < 0) {
                    notes.note(
                            left.compareTo(VERY_SOON) < 0,
                            "certificate",
                            member.getKey(),
                            which + " expires in " + Notes.count((int) left.toDays(), "day", "days") + ", on " + until,
                            renew);
                } else if (Instant.ofEpochMilli(one.getFromMillis()).isAfter(of.now())) {
                    notes.error(
                            "certificate",
                            member.getKey(),
                            which + " is not valid before " + Instant.ofEpochMilli(one.getFromMillis()),
                            "look at the clocks; else make it anew");
                }
            }
        }
        notes.otherwise(
                "certificate",
                first == null ? "there are no certificates" : "the first certificate to expire does so on " + first);
    }

    private static void doors(Examination of, Notes notes) {
        Map<String, List<String>> open = new LinkedHashMap<>();
        Map<String, List<String>> fixes = new LinkedHashMap<>();
        List<String> secured = new ArrayList<>();
        of.facts().forEach((name, facts) -> {
            for (DoorFacts door : facts.getDoorsList()) {
                if (door.getTls()) {
                    secured.add(door.getDoor() + " of " + name);
                }
                problem(door).ifPresent(p -> {
                    open.computeIfAbsent(name, n -> new ArrayList<>()).add(p.getKey());
                    fixes.computeIfAbsent(p.getKey(), n -> new ArrayList<>()).add(p.getValue());
                });
            }
        });
        Examination.grouped(
                open,
                of.facts().size(),
                (member, sentence) -> notes.warning(
                        "doors", member, sentence, fixes.get(sentence).getFirst()));
        notes.otherwise(
                "doors",
                secured.isEmpty()
                        ? "no door has TLS, and none can be reached from other hosts"
                        : "TLS on " + String.join(", ", secured));
    }

    private static java.util.Optional<Map.Entry<String, String>> problem(DoorFacts door) {
        if (door.getLoopback()) {
            return java.util.Optional.empty();
        }
        return switch (door.getDoor()) {
            case "control", "store" ->
                door.getTls()
                        ? java.util.Optional.empty()
                        : java.util.Optional.of(Map.entry(
                                "the " + door.getDoor() + " port is open to whoever reaches it: it has no TLS",
                                "give all members the section tls (docs/tls.md), or let only members and"
                                        + " administrators reach the port"));
            case "rest" ->
                door.getPassword()
                        ? java.util.Optional.empty()
                        : java.util.Optional.of(Map.entry(
                                "whoever reaches the REST door may restart and switch over: it asks for no password",
                                "set restapi.authentication, restapi.allowlist or restapi.verify_client"));
            default -> java.util.Optional.empty();
        };
    }
}
