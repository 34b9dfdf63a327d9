(ns matriarch.chaos.main
  "./chaos: one run from the command line."
  (:require [clojure.java.io :as io]
            [clojure.pprint :as pprint]
            [clojure.string :as str]
            [matriarch.chaos.cluster :as cluster]
            [matriarch.chaos.history :as h]
            [matriarch.chaos.report :as report]
            [matriarch.chaos.run :as run]
            [matriarch.chaos.schedule :as schedule]
            [matriarch.chaos.shell :as sh]
            [matriarch.chaos.workload :as workload]))

(def ^:private usage
  "./chaos [options]: a cluster under faults, its clients, and a verdict. As root. Exit code 0 only if every checker is satisfied.

  --time SECONDS         how long operations and faults go on (default 60)
  --workload NAME        set, append, register, bank, counter (default set)
  --nemesis NAMES        all, none, or a list of: partition network kill pause restart admin disk, or single faults
                         such as isolate-leader,kill-node (default partition,kill)
  --seed N               the schedule of faults and operations (default: from the clock; it is printed)
  --nodes 3|5            (default 3)
  --mode quorum|on|off   synchronous_mode (default quorum); off is a known-bad control: it may lose acknowledged writes
  --clients N            (default 5)
  --rate N               operations a second of each client, at most (default 20)
  --interval SECONDS     mean length of a fault (default 8)
  --settle SECONDS       how long the cluster may take to be whole after the last fault (default 90)
  --plain-reads          reads do not wait until what they saw is on a standby
  --out DIR              where the run's folder is made (default chaos-runs)
  --keep-logs            keep the nodes' logs of a run without fault, too
  --list                 the names of all faults
  --clean                only removes what a killed run left behind")

(def ^:private options
  {"--time" [:seconds parse-long 60] "--workload" [:workload identity "set"] "--nemesis" [:nemesis identity "partition,kill"]
   "--seed" [:seed parse-long nil] "--nodes" [:node-count parse-long 3] "--mode" [:mode identity "quorum"]
   "--clients" [:clients parse-long 5] "--rate" [:rate parse-long 20] "--interval" [:interval parse-long 8]
   "--settle" [:settle parse-long 90] "--out" [:out identity "chaos-runs"]})

(def ^:private flags {"--plain-reads" :plain-reads "--keep-logs" :keep-logs "--list" :list "--clean" :clean "--help" :help "-h" :help "help" :help})

(defn parse
  "The options as a map; :error a sentence if they cannot be meant."
  [arguments]
  (loop [[a & more] (mapcat #(if (re-find #"^--[a-z-]+=" %) (str/split % #"=" 2) [%]) arguments)
         found (into {} (for [[_ [k _ default]] options] [k default]))]
    (cond
      (nil? a) (cond
                 (not (contains? workload/workloads (:workload found))) (assoc found :error (str "there is no workload " (:workload found)))
                 (nil? (schedule/faults (str/split (:nemesis found) #","))) (assoc found :error (str "there is no such fault: " (:nemesis found) "; --list shows them"))
                 (not (#{3 5} (:node-count found))) (assoc found :error "--nodes is 3 or 5")
                 (not (#{"quorum" "on" "off"} (:mode found))) (assoc found :error "--mode is quorum, on or off")
                 (some #(not (and (some? (% found)) (pos? (% found)))) [:seconds :clients :rate :interval :settle]) (assoc found :error "numbers are positive")
                 :else found)
      (flags a) (recur more (assoc found (flags a) true))
      (options a) (if-let [v (first more)]
                    (let [[k read] (options a)
                          value (read v)]
                      (if (nil? value) (assoc found :error (str a " does not take " v)) (recur (rest more) (assoc found k value))))
                    (assoc found :error (str a " needs a value")))
      :else (assoc found :error (str "unknown argument " a)))))

(defn- say [line] (println line) (flush))

(defn verdict-line
  [{:keys [valid?] :as results} {:keys [workload seed nemesis mode]}]
  (let [bad (for [[k v] (dissoc results :valid?) :when (not (true? (:valid? v)))] (str (name k) (when (= :unknown (:valid? v)) " (unknown)")))
        detail (fn [] (str/join ", " (remove nil?
                                             [(when-let [n (:lost-count (:set results))] (when (pos? n) (str n " acknowledged writes lost")))
                                              (when (seq (:anomaly-types (:append results))) (str/join " " (map name (:anomaly-types (:append results)))))
                                              (when (seq (:two-writable (:primary results))) "two writable primaries")
                                              (when (pos? (:stale-acknowledgement-count (:primary results) 0)) "a replaced primary acknowledged")])))
        longest (:longest-interruption (:availability results))]
    (str (case valid? true "VALID" false "INVALID" "UNKNOWN")
         ": " workload " under " nemesis ", mode " mode ", seed " seed
         (when (seq bad) (str "; not satisfied: " (str/join ", " bad)))
         (when (seq (detail)) (str "; " (detail)))
         (when longest (format "; %d writes, longest interruption %.1f s" (:writes (:availability results)) (/ longest 1e9))))))

(defn- replay [{:keys [seconds workload nemesis seed node-count mode clients rate interval plain-reads]}]
  (str "./chaos --time " seconds " --workload " workload " --nemesis " nemesis " --seed " seed " --nodes " node-count
       " --mode " mode " --clients " clients " --rate " rate " --interval " interval (when plain-reads " --plain-reads")))

(defn- keep-logs! [c folder]
  (doseq [node (:nodes c)]
    (let [to (io/file folder "logs" node)]
      (.mkdirs to)
      (doseq [f (file-seq (io/file (cluster/home c node)))
              :when (and (.isFile f) (re-find #"/[^/]*\.log$|/state/|/pg/data/log/" (str f)) (< (.length f) 50000000))]
        (io/copy f (io/file to (str/replace (subs (str f) (inc (count (cluster/home c node)))) "/" "_")))))))

(defn- one-run [{:keys [seconds seed interval nemesis node-count mode settle] :as options}]
  (let [faults (schedule/faults (str/split nemesis #","))
        plan (schedule/schedule seed faults (* 1000 seconds) (* 1000 interval))
        stamp (.format (java.time.LocalDateTime/now) (java.time.format.DateTimeFormatter/ofPattern "yyyyMMdd-HHmmss"))
        folder (io/file (:out options) (str stamp "-" (:workload options) "-" seed))
        made (atom nil)
        remove! (fn [] (when-let [c @made] (cluster/destroy! c)))
        hook (Thread. ^Runnable (fn [] (when (and @made (not @(:closed @made)))
                                         (say "Removing the cluster.")
                                         (remove!))))]
    (.addShutdownHook (Runtime/getRuntime) hook)
    (.mkdirs folder)
    (say (str "Play it again: " (replay options)))
    (say (str "Report: " folder "/report.html"))
    (let [c (cluster/create {:node-count node-count :mode mode :memory {:pg "700m" :store "128m"}} #(reset! made %))
          w ((workload/workloads (:workload options)) {:barrier (not (:plain-reads options))})
          outcome (try
                    (doseq [node (:nodes c)] (cluster/start-agent! c node))
                    (run/run! c w (assoc options :schedule plan :say say :settle settle))
                    (catch Throwable t
                      (keep-logs! c folder)
                      (throw t)))
          {:keys [history results recovered-after]} outcome
          verdict (verdict-line results options)]
      (h/write-edn (io/file folder "history.edn") history)
      (spit (io/file folder "results.edn") (with-out-str (pprint/pprint results)))
      (spit (io/file folder "report.html")
            (report/html {:history history :results results :nodes (:nodes c) :verdict verdict :replay (replay options)
                          :test (assoc options :recovered-after recovered-after :schedule plan)}))
      (when (or (:keep-logs options) (not (true? (:valid? results))))
        (keep-logs! c folder))
      (remove!)
      (say verdict)
      (if (true? (:valid? results)) 0 1))))

(defn -main [& arguments]
  (let [{:keys [error help list clean] :as options} (parse arguments)]
    (System/exit
     (try
       (cond
         help (do (say usage) 0)
         error (do (binding [*out* *err*] (println (str "chaos: " error "\n\n" usage))) 2)
         list (do (doseq [[g fs] (sort schedule/groups)] (say (format "%-10s %s" g (str/join " " (map name fs))))) 0)
         (not= "0" (str/trim (sh/run! "id" "-u"))) (do (say "chaos: network namespaces need root") 2)
         :else (do (cluster/clean-left-overs)
                   (if clean 0 (one-run (update options :seed #(or % (mod (System/currentTimeMillis) 1000000)))))))
       (catch Throwable t
         (when-not (instance? clojure.lang.ExceptionInfo t) (.printStackTrace t))
         (say (str "chaos: " (ex-message t)))
         (say "UNKNOWN: the run came to no end")
         3)))))
