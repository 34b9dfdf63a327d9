(ns matriarch.chaos.report
  "A run as one HTML file without anything from elsewhere: verdict, replay command, pictures, the checkers' words."
  (:require [clojure.pprint :as pprint]
            [clojure.string :as str]
            [matriarch.chaos.history :as h]))

(defn- escape [text] (str/escape (str text) {\& "&amp;" \< "&lt;" \> "&gt;" \" "&quot;"}))

(def ^:private width 1100)
(def ^:private left 150)
(def ^:private colours {:ok "#2a78c4" :fail "#e08a00" :info "#c0267e"})

(defn- seconds [nanos] (format "%.1f" (/ (double nanos) 1e9)))

(defn- scale [end] (fn [time] (format "%.1f" (double (+ left (* (- width left 20) (/ (double time) (double (max 1 end)))))))))

(defn- axis [x end y]
  (let [step (max 1 (* 5 (long (Math/ceil (/ (/ end 1e9) 60)))))]
    (str/join
     (for [s (range 0 (/ end 1e9) step)]
       (format "<line class=grid x1='%s' x2='%s' y1='0' y2='%d'/><text class=tick x='%s' y='%d'>%d s</text>"
               (x (* s 1000000000)) (x (* s 1000000000)) y (x (* s 1000000000)) (+ y 14) s)))))

(defn- svg [height title body]
  (str "<h2>" title "</h2><svg viewBox='0 0 " width " " (+ height 20) "' width='100%' role='img'>" body "</svg>"))

(defn- faults
  "[fault from to value] of every fault."
  [history end]
  (let [ends (into {} (keep (fn [op] (when (:ends op) [(:id op) (:time op)]))) history)
        values (into {} (keep (fn [op] (when (and (:id op) (not (:begins op)) (not (:ends op))) [(:id op) (:value op)]))) history)]
    (for [op history :when (:begins op)]
      [(:begins op) (:time op) (get ends (:id op) end) (values (:id op))])))

(defn- timeline [history nodes end]
  (let [x (scale end)
        fs (faults history end)
        names (distinct (map first fs))
        rows (concat nodes names)
        row (zipmap rows (range))
        height (* 18 (count rows))
        bar (fn [name from to colour title]
              (format "<rect x='%s' y='%d' width='%.1f' height='12' fill='%s'><title>%s</title></rect>"
                      (x from) (+ 3 (* 18 (row name)))
                      (double (max 1.5 (- (Double/parseDouble (x to)) (Double/parseDouble (x from))))) colour (escape title)))
        labels (for [r rows] (format "<text x='4' y='%d'>%s</text>" (+ 13 (* 18 (row r))) (escape (if (keyword? r) (name r) (str r " writable")))))
        writable (for [{:keys [f value]} history :when (and (= :seen f) (:writable value))]
                   (bar (:node value) (:from value) (+ (:to value) 250000000) "#2a9d5c" (str (:node value) " since " (:start value))))
        faulty (for [[f from to value] fs] (bar f from to "#b9445a" (str (name f) " " (seconds from) "-" (seconds to) " s: " (pr-str value))))]
    (svg height "Faults, and which node takes writes" (str (axis x end height) (str/join labels) (str/join writable) (str/join faulty)))))

(defn- shades [history end x height]
  (str/join (for [[_ from to] (faults history end)]
              (format "<rect class=shade x='%s' y='0' width='%.1f' height='%d'/>" (x from)
                      (double (- (Double/parseDouble (x to)) (Double/parseDouble (x from)))) height))))

(defn- latency [history end]
  (let [x (scale end)
        height 240
        ;; Logarithmic, from 0.1 ms to 100 s.
        y (fn [nanos] (- height (* height (/ (+ 1 (Math/log10 (max 0.1 (/ nanos 1e6)))) 6))))
        points (for [[i c] (h/pairs history) :when c]
                 (format "<circle cx='%s' cy='%.1f' r='1.6' fill='%s'/>" (x (:time i)) (double (y (- (:time c) (:time i)))) (colours (:type c))))
        lines (for [[ms label] [[1 "1 ms"] [10 "10 ms"] [100 "100 ms"] [1000 "1 s"] [10000 "10 s"]]]
                (format "<line class=grid x1='%d' x2='%d' y1='%.1f' y2='%.1f'/><text x='4' y='%.1f'>%s</text>"
                        left width (double (y (* ms 1e6))) (double (y (* ms 1e6))) (+ 4 (double (y (* ms 1e6)))) label))]
    (svg height "Latency of each operation: <span class=ok>done</span>, <span class=fail>refused</span>, <span class=info>unknown</span>"
         (str (shades history end x height) (axis x end height) (str/join lines) (str/join points)))))

(defn- availability [history end]
  (let [x (scale end)
        height 140
        counts (frequencies (map (fn [op] [(quot (:time op) 500000000) (:type op)])
                                 (filter #(and (h/client? %) (not (h/invoke? %))) history)))
        most (reduce max 1 (for [[[_ t] n] counts :when (= :ok t)] n))
        bars (for [[[slot type] n] (sort-by (comp str key) counts)
                   :let [tall (* height (/ (double (min n most)) most))]]
               (format "<rect x='%s' y='%.1f' width='%.1f' height='%.1f' fill='%s' fill-opacity='%s'><title>%d %s at %.1f s</title></rect>"
                       (x (* slot 500000000)) (double (- height tall)) (double (max 1 (- (Double/parseDouble (x 500000000)) left 0.5))) (double tall)
                       (colours type) (if (= :ok type) "0.9" "0.6") n (name type) (/ slot 2.0)))]
    (svg height "Operations completed, each half second"
         (str (shades history end x height) (axis x end height)
              (format "<text x='4' y='12'>%d</text>" most) (str/join bars)))))

(defn- pretty [value]
  (binding [*print-length* 60] (with-out-str (pprint/pprint value))))

(defn html
  "verdict: the last line of the run; replay: the command that plays it again."
  [{:keys [history results nodes verdict replay test]}]
  (let [end (reduce max 1 (map :time history))
        colour (case (:valid? results) true "#2a9d5c" false "#c0392b" "#a06a00")]
    (str "<!doctype html><html lang=en><meta charset=utf-8><title>" (escape verdict) "</title><style>"
         "body{font:14px/1.45 system-ui,sans-serif;max-width:1140px;margin:24px auto;padding:0 16px;color:#222}"
         "h1{font-size:20px;border-left:8px solid " colour ";padding-left:12px}h2{font-size:15px;margin:26px 0 6px}"
         "svg text{font:11px system-ui,sans-serif;fill:#444}.grid{stroke:#ddd}.shade{fill:#b9445a;opacity:.10}"
         "text.tick{text-anchor:middle}pre,code{background:#f4f4f4;padding:2px 4px}pre{padding:10px;overflow:auto;max-height:420px}"
         "td,th{text-align:left;padding:2px 14px 2px 0}.ok{color:#2a78c4}.fail{color:#e08a00}.info{color:#c0267e}</style>"
         "<h1>" (escape verdict) "</h1><p>Play it again: <code>" (escape replay) "</code></p>"
         "<table>" (str/join (for [[k v] (dissoc results :valid?)]
                               (str "<tr><th>" (escape (name k)) "<td>" (escape (case (:valid? v) true "satisfied" false "VIOLATED" "unknown")))))
         "</table>"
         (timeline history nodes end) (availability history end) (latency history end)
         "<h2>What the checkers say</h2>"
         (str/join (for [[k v] (dissoc results :valid?)] (str "<h2>" (escape (name k)) "</h2><pre>" (escape (pretty v)) "</pre>")))
         "<h2>The test</h2><pre>" (escape (pretty test)) "</pre></html>\n")))
