(ns matriarch.chaos.ledger
  "The list of runs that docs/chaos.md shows: one map a line in a file, made by runs with --record and put into the page by
   --table. Nobody writes either by hand."
  (:require [clojure.edn :as edn]
            [clojure.java.io :as io]
            [clojure.string :as str]
            [matriarch.chaos.history :as h]))

(defn- load-average
  "How many wanted to run in the last minute; tells what interruptions are worth."
  []
  (-> (java.lang.management.ManagementFactory/getOperatingSystemMXBean) .getSystemLoadAverage Math/round))

(defn- tenths [nanos] (/ (Math/round (/ nanos 1e8)) 10.0))

(defn interruptions
  "Fault -> the longest interruption in seconds around each time that it came."
  [results]
  (reduce (fn [found {:keys [fault longest-interruption]}] (update found fault (fnil conj []) (tenths longest-interruption)))
          (sorted-map)
          (:faults (:availability results))))

(defn entry
  "What is kept of a run. reason: what the verdict line says beyond its first word; empty if nothing."
  [options results history reason]
  (let [client (filter h/client? history)]
    (merge (into (sorted-map)
                 (filter (comp some? val))
                 (select-keys options [:workload :nemesis :seed :node-count :mode :seconds :clients :rate :interval :system :store :guard-off :haproxy
                                       :plain-reads :tcp]))
           (when (:ssh options) {:ssh true})
           {:faults (count (filter :begins history))
            :operations (count (filter h/invoke? client))
            :verdict (case (:valid? results) true "VALID" false "INVALID" "UNKNOWN")
            :reason reason
            :longest (some-> (:longest-interruption (:availability results)) tenths)
            :interruptions (interruptions results)
            :load (load-average)
            :date (str (java.time.LocalDate/now))})))

(defn record! [file entry]
  (spit file (str (pr-str entry) "\n") :append true))

(defn entries [file]
  (mapv edn/read-string (remove #(or (str/blank? %) (str/starts-with? % ";")) (str/split-lines (slurp file)))))

(def own-file
  "In each run's folder, a list of this one run."
  "run.edn")

(defn- lists
  "The lists of runs that a path means: itself, or all below it."
  [path]
  (let [file (io/file path)]
    (cond
      (.isFile file) [file]
      (.isDirectory file) (sort (filter #(= own-file (.getName ^java.io.File %)) (file-seq file)))
      :else (throw (ex-info (str "there is no list of runs and no folder " path) {})))))

(defn merge!
  "Adds to a list the runs of others that it does not have yet; how many those were."
  [file from]
  (let [known (set (entries file))
        more (distinct (remove known (mapcat entries (mapcat lists from))))]
    (doseq [e more] (record! file (into (sorted-map) e)))
    (count more)))

(defn control?
  "Known to be bad: a failure is what is wanted of it."
  [{:keys [guard-off mode system]}]
  (boolean (or guard-off (= "off" mode) (= "patroni" system))))

(defn- further [{:keys [guard-off haproxy plain-reads tcp system store interval clients ssh]}]
  (str/join ", " (remove nil? [(when (= "patroni" system) "Patroni 3.0 and etcd") (when (= "etcd3" store) "on etcd") (when guard-off "guard off") (when haproxy "HAProxy") (when ssh "over SSH")
                               (when plain-reads "plain reads") (when tcp tcp)
                               (when (not= 8 (or interval 8)) (str "interval " interval)) (when (not= 5 (or clients 5)) (str clients " clients"))])))

(defn- rows [entries]
  (str/join "\n"
            (concat
             ["| workload | nemesis | seed | nodes | mode | further | seconds | faults | operations | verdict | longest interruption |"
              "|---|---|---|---|---|---|---|---|---|---|---|"]
             (for [{:keys [workload nemesis seed node-count mode seconds faults operations verdict reason longest] :as e} entries]
               (str "| " workload " | " (str/replace nemesis "," ", ") " | " seed " | " node-count " | " mode " | " (further e) " | " seconds
                    " | " faults " | " operations " | " verdict (when (seq reason) (str " (" reason ")")) " | " (when longest (str longest " s")) " |")))))

(defn- fault-rows
  "Of the runs that noted it: how long no write was acknowledged around each fault. Not on etcd, where a lease is four times as
   long."
  [entries]
  (let [all (apply merge-with into (map :interruptions (remove #(= "etcd3" (:store %)) entries)))
        of-share (fn [sorted share] (nth sorted (min (dec (count sorted)) (long (* share (count sorted))))))]
    (str/join "\n"
              (concat
               ["| fault | times | half of them at most | nine of ten at most | longest |" "|---|---|---|---|---|"]
               (for [[fault seconds] (sort all) :let [sorted (vec (sort seconds))]]
                 (str "| `" (name fault) "` | " (count sorted) " | " (of-share sorted 0.5) " s | " (of-share sorted 0.9) " s | " (peek sorted) " s |"))))))

(defn- duration [entries]
  (let [s (reduce + 0 (map :seconds entries))]
    (format "%d h %02d min" (quot s 3600) (quot (mod s 3600) 60))))

(defn tables
  "Markdown: the controls, all other runs, and what each fault did to those."
  [entries]
  (let [{controls true others false} (group-by control? entries)]
    {"faults" (fault-rows others)
     "controls" (rows (sort-by (juxt #(str (:system %)) #(str (:guard-off %)) :mode :seed) controls))
     "runs" (str (count others) " runs, " (duration others) " under faults in all, " (reduce + 0 (map :operations others)) " operations; "
                 (count (filter #(= "VALID" (:verdict %)) others)) " of them valid.\n\n" (rows others))}))

(defn page!
  "Puts the tables between the page's marks, <!-- NAME --> and <!-- end of NAME -->."
  [file page]
  (let [text (reduce (fn [text [name table]]
                       (let [[begin end] [(str "<!-- " name " -->") (str "<!-- end of " name " -->")]
                             from (str/index-of text begin)
                             to (str/index-of text end)]
                         (when-not (and from to) (throw (ex-info (str page " has no marks for " name) {})))
                         (str (subs text 0 from) begin "\n" table "\n" (subs text to))))
                     (slurp page)
                     (tables (entries file)))]
    (spit page text)))
