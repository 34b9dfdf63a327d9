package dev.matriarch.ctl;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A table with a frame, and a title in its upper edge.
 *
 * <p>By hand, because no table library puts a title there, and scripts read this layout.
 */
record TextTable(String title, List<Column> columns, List<List<String>> rows) {
    record Column(String title, boolean right) {}

    /** Lines without line ends. */
    List<String> lines() {
        int[] widths = new int[columns.size()];
        for (int c = 0; c < widths.length; c++) {
            widths[c] = columns.get(c).title().length();
            for (List<String> row : rows) {
                for (String line : row.get(c).split("\n", -1)) {
                    widths[c] = Math.max(widths[c], line.length());
                }
            }
        }
        int missing = title.length() + 2 - edge(widths).length();
        if (missing > 0) {
            widths[widths.length - 1] += missing;
        }
        String edge = edge(widths);
        boolean ruled = rows.stream().anyMatch(r -> r.stream().anyMatch(c -> c.indexOf('\n') >= 0));
        List<String> lines = new ArrayList<>();
        lines.add(edge.charAt(0) + title + edge.substring(1 + title.length()));
        lines.add(line(columns.stream().map(Column::title).toList(), widths));
        lines.add(edge);
        for (int r = 0; r < rows.size(); r++) {
            List<String[]> cells =
                    rows.get(r).stream().map(c -> c.split("\n", -1)).toList();
            int height = cells.stream().mapToInt(c -> c.length).max().orElse(1);
            for (int i = 0; i < height; i++) {
                int at = i;
                lines.add(
                        line(cells.stream().map(c -> at < c.length ? c[at] : "").toList(), widths));
            }
            if (ruled && r < rows.size() - 1) {
                lines.add(edge);
            }
        }
        if (!rows.isEmpty()) {
            lines.add(edge);
        }
        return lines;
    }

    private static String edge(int[] widths) {
        StringBuilder line = new StringBuilder("+");
        Arrays.stream(widths).forEach(w -> line.append("-".repeat(w + 2)).append('+'));
        return line.toString();
    }

    private String line(List<String> cells, int[] widths) {
        StringBuilder line = new StringBuilder("|");
        for (int c = 0; c < widths.length; c++) {
            String pad = " ".repeat(widths[c] - cells.get(c).length());
            boolean right = columns.get(c).right();
            line.append(' ')
                    .append(right ? pad + cells.get(c) : cells.get(c) + pad)
                    .append(" |");
        }
        return line.toString();
    }
}
