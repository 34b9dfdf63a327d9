package dev.matriarch.ctl;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** How a table is written. Names in lower case are what users type. */
enum Format {
    pretty,
    topology,
    tsv,
    json,
    yaml,
    yml;

    boolean isPretty() {
        return this == pretty || this == topology;
    }

    /**
     * One document, without a line's end.
     *
     * @throws CtlException if this is not a format for documents
     */
    String document(Object value) {
        return switch (this) {
            case json -> Json.text(value);
            case yaml, yml -> Yaml.dump(value).stripTrailing();
            case pretty, topology, tsv -> throw CtlException.usage("--output: pretty, json or yaml");
        };
    }

    /** Writes rows for programs. Cells are String, Integer or Long; empty texts are left out of objects. */
    List<String> lines(List<String> titles, List<List<Object>> rows) {
        if (this == tsv) {
            List<String> lines = new ArrayList<>();
            lines.add(String.join("\t", titles));
            rows.forEach(r ->
                    lines.add(String.join("\t", r.stream().map(String::valueOf).toList())));
            return lines;
        }
        List<Map<String, Object>> objects = new ArrayList<>();
        for (List<Object> row : rows) {
            Map<String, Object> object = new LinkedHashMap<>();
            for (int c = 0; c < titles.size(); c++) {
                if (!row.get(c).equals("")) {
                    object.put(titles.get(c), row.get(c));
                }
            }
            objects.add(object);
        }
        return List.of(document(objects));
    }
}
