package dev.matriarch.rest;

import dev.matriarch.dcs.Measure;
import io.prometheus.metrics.model.snapshots.ClassicHistogramBuckets;
import io.prometheus.metrics.model.snapshots.GaugeSnapshot;
import io.prometheus.metrics.model.snapshots.HistogramSnapshot;
import io.prometheus.metrics.model.snapshots.Labels;
import io.prometheus.metrics.model.snapshots.MetricSnapshots;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** What a store measures, as Prometheus wants it. */
final class StoreMetrics {
    private StoreMetrics() {}

    /** Those of one name become one metric, in the order of their first. */
    static void add(MetricSnapshots.Builder all, Labels labels, List<Measure> measures) {
        Map<String, GaugeSnapshot.Builder> gauges = new LinkedHashMap<>();
        for (Measure measure : measures) {
            switch (measure) {
                case Measure.Gauge gauge -> {
                    Labels own = labels;
                    for (var label : gauge.labels().entrySet()) {
                        own = own.add(label.getKey(), label.getValue());
                    }
                    gauges.computeIfAbsent(
                                    "matriarch_" + gauge.name(),
                                    name -> GaugeSnapshot.builder().name(name).help(gauge.help()))
                            .dataPoint(GaugeSnapshot.GaugeDataPointSnapshot.builder()
                                    .labels(own)
                                    .value(gauge.value())
                                    .build());
                }
                case Measure.Histogram histogram ->
                    all.metricSnapshot(HistogramSnapshot.builder()
                            .name("matriarch_" + histogram.name())
                            .help(histogram.help())
                            .dataPoint(HistogramSnapshot.HistogramDataPointSnapshot.builder()
                                    .labels(labels)
                                    .sum(histogram.sum())
                                    .classicHistogramBuckets(buckets(histogram))
                                    .build())
                            .build());
            }
        }
        gauges.values().forEach(gauge -> all.metricSnapshot(gauge.build()));
    }

    private static ClassicHistogramBuckets buckets(Measure.Histogram histogram) {
        List<Double> bounds = new ArrayList<>(histogram.bounds());
        bounds.add(Double.POSITIVE_INFINITY);
        return ClassicHistogramBuckets.of(bounds, histogram.counts());
    }
}
