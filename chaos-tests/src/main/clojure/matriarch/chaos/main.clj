(ns matriarch.chaos.main
  "./chaos: one run from the command line."
  (:require [clojure.edn :as edn]
            [clojure.java.io :as io]
            [clojure.pprint :as pprint]
            [clojure.string :as str]
            [matriarch.chaos.cluster :as cluster]
            [matriarch.chaos.haproxy :as haproxy]
            [matriarch.chaos.history :as h]
            [matriarch.chaos.ledger :as ledger]
            [matriarch.chaos.report :as report]
            [matriarch.chaos.run :as run]
            [matriarch.chaos.schedule :as schedule]
            [matriarch.chaos.shell :as sh]
            [matriarch.chaos.system :as system]
            [matriarch.chaos.workload :as workload]))

(def ^:private usage
  "./chaos [options]: a cluster under faults, its clients, and a verdict. As root. Exit code 0 only if every checker is satisfied.

  --time SECONDS         how long operations and faults go on (default 60)
  --workload NAME        set, append, register, bank, counter; store-register, on the store itself (default set)
  --nemesis NAMES        all, none, or a list of: partition network kill pause restart admin disk cpu clock stuck membership etcd etcd-wiped,
                         or single faults such as isolate-leader,kill-node (default partition,kill)
  --seed N               the schedule of faults and operations (default: from the clock; it is printed)
  --nodes 3|5            (default 3)
  --mode quorum|on|off   synchronous_mode (default quorum); off is a known-bad control: it may lose acknowledged writes
  --clients N            (default 5)
  --rate N               operations a second of each client, at most (default 20)
  --interval SECONDS     mean length of a fault (default 8)
  --settle SECONDS       how long the cluster may take to be whole after the last fault (default 90)
  --system NAME          matriarch (default), or patroni: Debian's with etcd, without watchdog, as the peer
  --store raft|etcd3     the agents' own store (default), or an etcd server on each node; with it ttl is 20, so let faults last: --interval 30
  --guard-off            a known-bad control: the guards fire at nothing
  --ssh FILE             on machines of your own instead of network namespaces: see docs/chaos.md
  --haproxy              clients come through HAProxy, which is watched, too
  --tcp NAME=VALUE,...   settings of the nodes' kernel below net.ipv4, such as tcp_rto_max_ms=1000
  --plain-reads          reads do not wait until what they saw is on a standby
  --out DIR              where the run's folder is made (default chaos-runs)
  --keep-logs            keep the nodes' logs of a run without fault, too
  --record FILE          adds the run to this list of runs
  --table FILE [FROM...] only puts the list of runs into docs/chaos.md of the current directory, after adding those runs to it that
                         it does not have yet: FROM is another list, or a folder that runs' folders are in
  --list                 the names of all faults
  --clean                only removes what a killed run left behind")

(def ^:private options
  {"--time" [:seconds parse-long 60] "--workload" [:workload identity "set"] "--nemesis" [:nemesis identity "partition,kill"]
   "--seed" [:seed parse-long nil] "--nodes" [:node-count parse-long 3] "--mode" [:mode identity "quorum"]
   "--clients" [:clients parse-long 5] "--rate" [:rate parse-long 20] "--interval" [:interval parse-long 8]
   "--settle" [:settle parse-long 90] "--tcp" [:tcp identity nil]
   "--system" [:system identity "matriarch"] "--store" [:store identity "raft"] "--ssh" [:ssh identity nil] "--record" [:record identity nil] "--table" [:table identity nil] "--out" [:out identity "chaos-runs"]})

(def ^:private flags {"--plain-reads" :plain-reads "--keep-logs" :keep-logs "--list" :list "--clean" :clean "--guard-off" :guard-off "--haproxy" :haproxy "--help" :help "-h" :help "help" :help})

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
                 (not (system/systems (:system found))) (assoc found :error "--system is matriarch or patroni")
                 (not (#{"raft" "etcd3"} (:store found))) (assoc found :error "--store is raft or etcd3")
                 (and (= "etcd3" (:store found)) (or (:ssh found) (= "patroni" (:system found))))
                 (assoc found :error "--store is for our agents in network namespaces; Patroni is always on etcd")
                 (and (= "patroni" (:system found)) (= "quorum" (:mode found))) (assoc found :error "Patroni 3 has no quorum mode: --mode on or --mode off")
                 (and (:ssh found) (some found [:guard-off :haproxy :tcp])) (assoc found :error "--ssh goes with none of --guard-off, --haproxy, --tcp")
                 (and (:ssh found) (not= "matriarch" (:system found))) (assoc found :error "--ssh is for matriarch only")
                 (and (:guard-off found) (not= "matriarch" (:system found))) (assoc found :error "--guard-off is for matriarch: the peer has no guard")
                 (some #(not (and (some? (% found)) (pos? (% found)))) [:seconds :clients :rate :interval :settle]) (assoc found :error "numbers are positive")
                 :else found)
      (flags a) (recur more (assoc found (flags a) true))
      (options a) (if-let [v (first more)]
                    (let [[k read] (options a)
                          value (read v)]
                      (if (nil? value) (assoc found :error (str a " does not take " v)) (recur (rest more) (assoc found k value))))
                    (assoc found :error (str a " needs a value")))
      (and (:table found) (not (str/starts-with? a "-"))) (recur more (update found :from (fnil conj []) a))
      :else (assoc found :error (str "unknown argument " a)))))

(defn- say [line] (println line) (flush))

(defn- reason
  "What is wrong, in a few words; empty if nothing is."
  [results]
  (let [bad (for [[k v] (dissoc results :valid?) :when (not (true? (:valid? v)))] (str (name k) (when (= :unknown (:valid? v)) " (unknown)")))]
    (str/join "; " (remove str/blank?
                           [(when (seq bad) (str "not satisfied: " (str/join ", " bad)))
                            (str/join ", " (remove nil?
                                                   [(when-let [n (:lost-count (:set results))] (when (pos? n) (str n " acknowledged writes lost")))
                                                    (when (seq (:anomaly-types (:append results))) (str/join " " (map name (:anomaly-types (:append results)))))
                                                    (when (seq (:two-writable (:primary results))) "two writable primaries")
                                                    (when (pos? (:stale-acknowledgement-count (:primary results) 0)) "a replaced primary acknowledged")
                                                    (when (seq (:haproxy-two-primaries (:holder results))) "HAProxy saw two primaries")]))]))))

(defn verdict-line
  [{:keys [valid?] :as results} {:keys [workload seed nemesis mode system store guard-off]}]
  (let [longest (:longest-interruption (:availability results))
        why (reason results)]
    (str (case valid? true "VALID" false "INVALID" "UNKNOWN")
         ": " workload " under " nemesis ", mode " mode (when (= "patroni" system) ", Patroni") (when (= "etcd3" store) ", etcd") (when guard-off ", no guard") ", seed " seed
         (when (seq why) (str "; " why))
         (when longest (format "; %d writes, longest interruption %.1f s" (:writes (:availability results)) (/ longest 1e9))))))

(defn- replay [{:keys [seconds workload nemesis seed node-count mode clients rate interval plain-reads tcp system store guard-off haproxy ssh]}]
  (str "./chaos --time " seconds " --workload " workload " --nemesis " nemesis " --seed " seed " --nodes " node-count
       " --mode " mode " --clients " clients " --rate " rate " --interval " interval (when plain-reads " --plain-reads") (when tcp (str " --tcp " tcp))
       (when (not= "matriarch" system) (str " --system " system)) (when (= "etcd3" store) (str " --store " store)) (when guard-off " --guard-off") (when haproxy " --haproxy") (when ssh (str " --ssh " ssh))))

(defn- keep-logs! [c folder]
  (doseq [node (when-not (:hosts (:net c)) (:nodes c))]
    (let [to (io/file folder "logs" node)]
      (.mkdirs to)
      (doseq [f (file-seq (io/file (cluster/home c node)))
              :when (and (.isFile f) (re-find #"/[^/]*\.log$|/state/|/pg/data/log/" (str f)) (< (.length f) 50000000))]
        (io/copy f (io/file to (str/replace (subs (str f) (inc (count (cluster/home c node)))) "/" "_")))))))

(defn- sysctls
  "NAME=VALUE,… to a map."
  [text]
  (into {} (for [pair (remove str/blank? (str/split (str text) #","))] (str/split pair #"=" 2))))

(defn- available
  "The faults that this run has the means for. One that was asked for by name must be there."
  [faults {:keys [nemesis ssh system store]}]
  (let [of (fn [& groups] (filter (set (mapcat schedule/groups groups)) faults))
        etcd? (or (= "patroni" system) (= "etcd3" store))
        ;; Of no meaning for this cluster, and of no means on this machine.
        without (concat
                 (when-not etcd? (for [f (of "etcd" "etcd-wiped")] [f "is for a store on etcd"]))
                 (when (or ssh etcd?) (for [f (of "membership")] [f "is for the built-in store in network namespaces"]))
                 (when ssh (for [f (of "clock" "disk" "cpu")] [f "is not there over SSH"]))
                 (when (and (not ssh) (empty? (System/getProperty "chaos.faketime" ""))) (for [f (of "clock")] [f "needs libfaketime"])))]
    (when (seq without)
      (when-not (= "all" nemesis)
        (let [[fault why] (first without)] (throw (ex-info (str (name fault) " " why) {}))))
      (say (str "Without " (str/join ", " (map (comp name first) without)) ".")))
    (vec (remove (set (map first without)) faults))))

(defn- one-run [{:keys [seconds seed interval nemesis node-count mode settle] :as options}]
  (let [faults (available (schedule/faults (str/split nemesis #",")) options)
        plan (schedule/schedule seed faults (* 1000 seconds) (* 1000 interval))
        stamp (.format (java.time.LocalDateTime/now) (java.time.format.DateTimeFormatter/ofPattern "yyyyMMdd-HHmmss"))
        folder (io/file (:out options) (str stamp "-" (:workload options) "-" seed))
        made (atom nil)
        proxy (atom nil)
        remove! (fn []
                  (some-> ^Process @proxy .destroyForcibly)
                  (when-let [c @made] (cluster/destroy! c)))
        hook (Thread. ^Runnable (fn [] (when (and @made (not @(:closed @made)))
                                         (say "Removing the cluster.")
                                         (remove!))))]
    (.addShutdownHook (Runtime/getRuntime) hook)
    (.mkdirs folder)
    (say (str "Play it again: " (replay options)))
    (say (str "Report: " folder "/report.html"))
    (let [c (if (:ssh options)
              (cluster/of-hosts (edn/read-string (slurp (:ssh options))) mode (System/getenv "MATRIARCH_PASSWORD") #(reset! made %))
              (cluster/create {:node-count node-count :mode mode :system (:system options)
                             :spare (boolean (some #{:add-node} (map :fault plan)))
                             :options (cond-> (select-keys options [:guard-off :store])
                                        (some (set (schedule/groups "clock")) (map :fault plan))
                                        (assoc :faketime (System/getProperty "chaos.faketime")))
                             :sysctls (sysctls (:tcp options))} #(reset! made %)))
          w ((workload/workloads (:workload options)) {:barrier (not (:plain-reads options))})
          c (cond-> c (:haproxy options) (assoc :door (haproxy/address c)))
          outcome (try
                    (when (:haproxy options) (reset! proxy (haproxy/start! c)))
                    (doseq [node (cluster/core c)] (cluster/start-agent! c node))
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
      (let [entry (ledger/entry options results history (reason results))]
        (ledger/record! (io/file folder ledger/own-file) entry)
        (some-> (:record options) (ledger/record! entry)))
      (remove!)
      (say verdict)
      (if (true? (:valid? results)) 0 1))))

(defn -main [& arguments]
  (let [{:keys [error help list clean table from] :as options} (parse arguments)]
    (System/exit
     (try
       (cond
         help (do (say usage) 0)
         error (do (binding [*out* *err*] (println (str "chaos: " error "\n\n" usage))) 2)
         list (do (doseq [[g fs] (sort schedule/groups)] (say (format "%-10s %s" g (str/join " " (map name fs))))) 0)
         table (do (say (str (ledger/merge! table from) " runs added to " table))
                   (ledger/page! table "docs/chaos.md")
                   0)
         (:ssh options) (one-run (update options :seed #(or % (mod (System/currentTimeMillis) 1000000))))
         (not= "0" (str/trim (sh/run! "id" "-u"))) (do (say "chaos: network namespaces need root") 2)
         :else (do (cluster/clean-left-overs)
                   (if clean 0 (one-run (update options :seed #(or % (mod (System/currentTimeMillis) 1000000)))))))
       (catch Throwable t
         (when-not (instance? clojure.lang.ExceptionInfo t) (.printStackTrace t))
         (say (str "chaos: " (ex-message t)))
         (say "UNKNOWN: the run came to no end")
         3)))))
