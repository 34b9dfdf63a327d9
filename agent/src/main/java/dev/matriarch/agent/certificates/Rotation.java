package dev.matriarch.agent.certificates;

import dev.matriarch.proto.control.v1.CertificateRow;
import dev.matriarch.proto.control.v1.ChangeCertificateRequest;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;

/** New certificates for members, led by the member that was asked. May be repeated, by whichever member. */
final class Rotation {
    private final Holders holders;
    private final SortedMap<String, CertificateRow> rows;

    /** @param rows what they show, by name */
    Rotation(Holders holders, SortedMap<String, CertificateRow> rows) {
        this.holders = holders;
        this.rows = rows;
    }

    /** @param names empty: all whose certificates are made here. @return what was done */
    List<String> renew(Collection<String> names) throws IOException {
        for (String name : names) {
            if (!rows.containsKey(name)) {
                throw new IOException("there is no member " + name + "; nothing was changed");
            }
        }
        List<String> chosen = rows.keySet().stream()
                .filter(name -> names.isEmpty() ? isOwn(name) : names.contains(name))
                .toList();
        if (chosen.isEmpty()) {
            throw new IOException(
                    "no member that answers makes its certificate itself (tls.directory): renew them where"
                            + " they come from");
        }
        List<String> lines = new ArrayList<>();
        List<String> failed = new ArrayList<>();
        // One after the other: if there is something wrong with the first, the others stay as they are.
        for (String name : chosen) {
            Optional<String> problem =
                    holders.change(name, ChangeCertificateRequest.newBuilder().setRenew(true));
            if (problem.isEmpty()) {
                lines.add(name + " shows a new certificate");
            } else {
                failed.add(name + ": " + problem.get());
                break;
            }
        }
        if (!failed.isEmpty()) {
            throw new IOException(failed.getFirst()
                    + (lines.isEmpty() ? "; nothing was changed" : "; before that: " + String.join(", ", lines)));
        }
        if (names.isEmpty()) {
            rows.values().stream()
                    .filter(r -> !r.getSource().equals("own"))
                    .forEach(r -> lines.add(r.getName() + " was left alone: " + whyNot(r)));
        }
        return lines;
    }

    private boolean isOwn(String name) {
        return rows.get(name).getSource().equals("own");
    }

    private static String whyNot(CertificateRow row) {
        return switch (row.getSource()) {
            case "brought" -> "its certificate is brought by somebody else";
            case "none" -> "it has no TLS";
            default -> row.getProblem();
        };
    }
}
