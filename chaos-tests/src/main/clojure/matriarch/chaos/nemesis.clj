(ns matriarch.chaos.nemesis
  "What the faults do. Each begins with begin!, which returns what was hit, and ends with end!, which gets that back.
   end! may run more than once and after the nodes have changed; heal! ends everything whatever began."
  (:require [clojure.java.io :as io]
            [matriarch.chaos.cluster :as cluster]
            [matriarch.chaos.net :as net]
            [matriarch.chaos.schedule :as schedule]
            [matriarch.chaos.shell :as sh]))

(defn- nth-of [coll die] (when (seq coll) (nth (vec coll) (mod die (count coll)))))

(defn- leader-or-any [{:keys [nodes] :as c} die] (or (cluster/leader c) (nth-of nodes die)))

(defn- apart
  "Both sides hear nothing of each other."
  [as bs]
  (merge (zipmap as (repeat bs)) (zipmap bs (repeat as))))

(defn- rotated [nodes die] (let [n (mod die (count nodes))] (vec (concat (drop n nodes) (take n nodes)))))

(defn grudge
  "Receiver -> senders that it does not hear. leader: for :isolate-leader, else nil."
  [fault nodes leader [a b]]
  (let [nodes (vec nodes)
        turned (rotated nodes a)
        half (quot (count nodes) 2)]
    (case fault
      (:halves :flapping) (apart (take half turned) (drop half turned))
      :isolate-leader (apart [leader] (remove #{leader} nodes))
      :isolate-one (apart [(first turned)] (rest turned))
      ;; All hear their neighbours only; of three nodes that is a line, not a ring.
      :majority-ring (if (= 3 (count nodes))
                       (apart [(first turned)] [(last turned)])
                       (into {} (for [i (range (count turned))
                                      :let [n (count turned)
                                            near (set (map #(turned (mod (+ i %) n)) [-1 0 1]))]]
                                  [(turned i) (vec (remove near turned))])))
      :bridge (let [[_ & others] turned
                    side (quot (count others) 2)]
                (apart (take side others) (drop side others)))
      :one-way (let [one (first turned)]
                 (if (even? b)
                   {one (vec (rest turned))}
                   (zipmap (rest turned) (repeat [one])))))))

;; ---------------------------------------------------------------- cuts

(defn- cut! [{:keys [net nodes] :as c} fault dice]
  (let [g (grudge fault nodes (when (= :isolate-leader fault) (leader-or-any c (first dice))) dice)]
    (net/grudges! net g)
    (update-vals g vec)))

(defn- flap!
  "Cuts and joins again every so often, until told to end."
  [{:keys [net nodes] :as c} dice]
  (let [g (grudge :flapping nodes nil dice)
        on (atom true)
        pause (+ 300 (* 3 (nth dice 2)))]
    (future
      (try
        (while (and @on (not @(:closed c)))
          (net/grudges! net g)
          (Thread/sleep pause)
          (net/heal! net nodes)
          (Thread/sleep pause))
        (catch Exception _ nil)))
    {:value {:grudge (update-vals g vec) :every-ms pause} :stop on}))

;; ---------------------------------------------------------------- signals

(defn- hit!
  "A signal to processes of one node; {:node :pids}."
  [c node signal pids]
  {:node node :signal signal :pids (cluster/signal! signal pids)})

(defn- kill! [{:keys [nodes] :as c} fault [a b]]
  (let [some-node (nth-of nodes a)
        roles (fn [node & roles] (mapcat #(cluster/pids c node %) roles))]
    (case fault
      :kill-agent (let [n (if (even? b) (leader-or-any c a) some-node)] (hit! c n "KILL" (roles n :agent)))
      :kill-postmaster (let [n (if (even? b) (leader-or-any c a) some-node)] (hit! c n "KILL" (roles n :postmaster)))
      :kill-guard (hit! c some-node "KILL" (take 1 (roles some-node :guard)))
      :kill-walsender (let [n (leader-or-any c a)] (hit! c n "KILL" (roles n :walsender)))
      :kill-backends (let [n (leader-or-any c a)]
                       (hit! c n "KILL" (filter #(re-find #"^postgres: (\S+: )?postgres postgres " (cluster/command-line %)) (cluster/pids c n))))
      :kill-agent-and-postmaster (let [n (leader-or-any c a)] (hit! c n "KILL" (roles n :agent :postmaster)))
      :kill-leader-node (let [n (leader-or-any c a)] (hit! c n "KILL" (cluster/pids c n)))
      :kill-node (hit! c some-node "KILL" (cluster/pids c some-node)))))

(defn- stop! [{:keys [nodes] :as c} fault [a b]]
  (let [some-node (if (even? b) (leader-or-any c a) (nth-of nodes a))]
    (case fault
      :stop-agent (hit! c some-node "STOP" (cluster/pids c some-node :agent))
      :stop-postmaster (hit! c some-node "STOP" (cluster/pids c some-node :postmaster))
      :stop-walsender (let [n (leader-or-any c a)] (hit! c n "STOP" (cluster/pids c n :walsender)))
      :stop-guard (hit! c some-node "STOP" (take 1 (cluster/pids c some-node :guard)))
      :freeze-leader-node (let [n (leader-or-any c a)] (hit! c n "STOP" (cluster/pids c n)))
      :freeze-node (hit! c (nth-of nodes a) "STOP" (cluster/pids c (nth-of nodes a))))))

(defn- thaw! [{:keys [nodes] :as c}]
  (doseq [n nodes] (cluster/signal! "CONT" (cluster/pids c n))))

(defn- restart-agents! [{:keys [nodes] :as c}]
  (vec (keep #(cluster/start-agent! c %) nodes)))

;; ---------------------------------------------------------------- operators

(defn- ask! [c node method path body]
  (let [{:keys [status body]} (cluster/request c node method path body 15)]
    {:node node :path path :status status :reply (when body (subs body 0 (min 120 (count body))))}))

(defn- synchronous [c] (map :name (filter #(#{"sync_standby" "quorum_standby"} (:role %)) (cluster/members c))))

(defn- administer! [{:keys [nodes] :as c} fault [a b]]
  (let [leader (cluster/leader c)
        via (nth-of nodes b)
        quoted (fn [s] (str "\"" s "\""))]
    (case fault
      :switchover (if leader
                    (ask! c via "POST" "/switchover"
                          (str "{\"leader\":" (quoted leader)
                               (when-let [to (and (even? a) (nth-of (synchronous c) b))] (str ",\"candidate\":" (quoted to))) "}"))
                    :no-leader)
      :failover (if-let [to (nth-of (synchronous c) a)]
                  (ask! c via "POST" "/failover" (str "{\"candidate\":" (quoted to) "}"))
                  :no-candidate)
      :maintenance (ask! c via "PATCH" "/config" "{\"pause\":true}")
      :reinit (if-let [n (nth-of (remove #{leader} nodes) a)]
                (ask! c n "POST" "/reinitialize" "{\"force\":true}")
                :no-replica)
      :config (ask! c via "PATCH" "/config"
                    (nth ["{\"postgresql\":{\"parameters\":{\"work_mem\":\"5MB\"}}}"
                          "{\"maximum_lag_on_failover\":2097152}"
                          "{\"synchronous_node_count\":2}"
                          "{\"synchronous_mode_strict\":true}"
                          "{\"postgresql\":{\"parameters\":{\"random_page_cost\":\"2\"}}}"]
                         (mod a 5))))))

(defn- until-accepted!
  "An agent without a leader or a store cannot take a change: asks again for a while."
  [{:keys [nodes] :as c} body]
  (cluster/await-true 20 (fn [] (some #(= 200 (:status (cluster/request c % "PATCH" "/config" body 5))) nodes))))

(defn- administered-back! [c fault]
  (case fault
    :maintenance (until-accepted! c "{\"pause\":null}")
    :config (until-accepted! c "{\"synchronous_node_count\":1,\"synchronous_mode_strict\":null}")
    nil))

;; ---------------------------------------------------------------- disks

(defn- filler [c node volume] (io/file (cluster/home c node) volume "filler"))

(defn- fill! [{:keys [nodes] :as c} volume [a b]]
  (let [node (if (even? b) (leader-or-any c a) (nth-of nodes a))]
    (sh/run "dd" "if=/dev/zero" (str "of=" (filler c node volume)) "bs=1M")
    {:node node :volume volume}))

(defn- make-room! [{:keys [nodes] :as c}]
  (doseq [n nodes v ["pg" "store"]] (io/delete-file (filler c n v) true)))

;; ---------------------------------------------------------------- all

(def ^:private group-of (into {} (for [[g fs] schedule/groups f fs] [f g])))

(defn begin!
  "{:value what was hit, for the history; more for end!}"
  [{:keys [net nodes] :as c} fault dice]
  (case (group-of fault)
    "partition" (if (= :flapping fault) (flap! c dice) {:value (cut! c fault dice)})
    "network" (case fault
                :loss (let [share (/ (+ 5 (mod (first dice) 40)) 100.0)]
                        (net/lose! net nodes share)
                        {:value {:share share}})
                :slow (let [node (nth-of nodes (first dice)) rate (str (+ 100 (nth dice 1)) "kbit")]
                        (net/slow! net node rate)
                        {:value {:node node :rate rate}}))
    "kill" {:value (kill! c fault dice)}
    "pause" {:value (stop! c fault dice)}
    "restart" {:value (vec (for [n nodes] (hit! c n "KILL" (cluster/pids c n))))}
    "admin" {:value (administer! c fault dice)}
    "disk" {:value (fill! c (if (= :full-wal fault) "pg" "store") dice)}))

(defn end!
  "others: faults that go on; what they share with this one stays."
  [{:keys [net nodes] :as c} fault begun others]
  (let [groups (set (map group-of others))]
    (case (group-of fault)
      "partition" (do (some-> (:stop begun) (reset! false))
                      (when-not (groups "partition") (net/heal! net nodes))
                      nil)
      "network" (do (when-not (some groups ["partition" "network"]) (net/heal! net nodes))
                    (when-not (groups "network") (net/fast! net nodes)))
      "kill" (restart-agents! c)
      "pause" (do (when-not (groups "pause") (thaw! c)) nil)
      "restart" (restart-agents! c)
      "admin" (administered-back! c fault)
      "disk" (do (make-room! c) (restart-agents! c)))))

(defn heal!
  "Everything as it was: links, processes, disks, settings."
  [{:keys [net nodes] :as c}]
  (net/heal! net nodes)
  (net/fast! net nodes)
  (thaw! c)
  (make-room! c)
  (let [started (restart-agents! c)
        settings (until-accepted! c "{\"pause\":null,\"synchronous_node_count\":1,\"synchronous_mode_strict\":null}")]
    {:started started :settings settings}))
