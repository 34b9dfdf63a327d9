(ns matriarch.chaos.nemesis
  "What the faults do. Each begins with begin!, which returns what was hit, and ends with end!, which gets that back.
   end! may run more than once and after the nodes have changed; heal! ends everything whatever began."
  (:require [clojure.java.io :as io]
            [matriarch.chaos.cluster :as cluster]
            [matriarch.chaos.membership :as membership]
            [matriarch.chaos.net :as net]
            [matriarch.chaos.schedule :as schedule]
            [matriarch.chaos.shell :as sh]
            [matriarch.chaos.system :as system]))

(defn- nth-of [coll die] (when (seq coll) (nth (vec coll) (mod die (count coll)))))

(defn- leader-or-any [c die] (or (cluster/leader c) (nth-of (cluster/present c) die)))

(defn- apart
  "Both sides hear nothing of each other."
  [as bs]
  (merge (zipmap as (repeat bs)) (zipmap bs (repeat as))))

(defn- rotated [nodes die] (let [n (mod die (count nodes))] (vec (concat (drop n nodes) (take n nodes)))))

(defn grudge
  "Receiver -> senders that it does not hear. leader: for :isolate-leader and :flapping-leader, else nil."
  [fault nodes leader [a b]]
  (let [nodes (vec nodes)
        turned (rotated nodes a)
        half (quot (count nodes) 2)]
    (case fault
      (:halves :flapping) (apart (take half turned) (drop half turned))
      (:isolate-leader :flapping-leader) (apart [leader] (remove #{leader} nodes))
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

(defn- cut! [{:keys [net] :as c} fault dice]
  (let [g (grudge fault (cluster/present c) (when (= :isolate-leader fault) (leader-or-any c (first dice))) dice)]
    (net/grudges! net g)
    (update-vals g vec)))

(defn- flap!
  "Cuts and joins again every so often, until told to end."
  [{:keys [net nodes] :as c} fault dice]
  (let [g (grudge fault (cluster/present c) (when (= :flapping-leader fault) (leader-or-any c (first dice))) dice)
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
  {:node node :signal signal :pids (cluster/signal! c node signal pids)})

(defn- kill-all!
  "Everything on a node, also what is started while the list is made: a postmaster without agent and guards is no host that is gone."
  [c node]
  (loop [killed [] rounds 10]
    (let [pids (cluster/pids c node)]
      (if (or (empty? pids) (zero? rounds))
        {:node node :signal "KILL" :pids (vec (distinct killed))}
        (do (cluster/signal! c node "KILL" pids)
            (recur (into killed pids) (dec rounds)))))))

(defn- kill! [c fault [a b]]
  (let [some-node (nth-of (cluster/present c) a)
        roles (fn [node & roles] (mapcat #(cluster/pids c node %) roles))]
    (case fault
      :kill-agent (let [n (if (even? b) (leader-or-any c a) some-node)] (hit! c n "KILL" (roles n :agent)))
      :kill-postmaster (let [n (if (even? b) (leader-or-any c a) some-node)] (hit! c n "KILL" (roles n :postmaster)))
      :kill-guard (hit! c some-node "KILL" (take 1 (roles some-node :guard)))
      :kill-guards (let [n (leader-or-any c a)] (hit! c n "KILL" (roles n :guard)))
      :kill-walsender (let [n (leader-or-any c a)] (hit! c n "KILL" (roles n :walsender)))
      :kill-backends (let [n (leader-or-any c a)]
                       (hit! c n "KILL" (roles n :session)))
      :kill-agent-and-postmaster (let [n (leader-or-any c a)] (hit! c n "KILL" (roles n :agent :postmaster)))
      :kill-leader-node (kill-all! c (leader-or-any c a))
      :kill-node (kill-all! c some-node))))

(defn- stop! [c fault [a b]]
  (let [some-node (if (even? b) (leader-or-any c a) (nth-of (cluster/present c) a))]
    (case fault
      :stop-agent (hit! c some-node "STOP" (cluster/pids c some-node :agent))
      :stop-postmaster (hit! c some-node "STOP" (cluster/pids c some-node :postmaster))
      :stop-walsender (let [n (leader-or-any c a)] (hit! c n "STOP" (cluster/pids c n :walsender)))
      :stop-guard (hit! c some-node "STOP" (take 1 (cluster/pids c some-node :guard)))
      :freeze-leader-node (let [n (leader-or-any c a)] (hit! c n "STOP" (cluster/pids c n)))
      :freeze-node (let [n (nth-of (cluster/present c) a)] (hit! c n "STOP" (cluster/pids c n))))))

(defn- thaw! [{:keys [nodes] :as c}]
  (doseq [n nodes] (cluster/signal! c n "CONT" (cluster/pids c n))))

(defn- restart-agents! [c]
  (vec (keep #(cluster/start-agent! c %) (cluster/present c))))

;; ---------------------------------------------------------------- processor and clock

(defn- starve!
  "Every process of a node runs for a small part of the time only, as on a host without processor to spare. The rest of each quarter
   of a second it is stopped."
  [c fault [a b d]]
  (let [node (if (= :starve-leader fault) (leader-or-any c a) (nth-of (cluster/present c) a))
        share (+ 5 (mod d 25))
        on (atom true)]
    (future
      (try
        (while (and @on (not @(:closed c)))
          (let [pids (cluster/pids c node)]
            (cluster/signal! c node "STOP" pids)
            (Thread/sleep (long (* 2.5 (- 100 share))))
            (cluster/signal! c node "CONT" pids)
            (Thread/sleep (long (* 2.5 share)))))
        (catch Exception _ nil)
        (finally (cluster/signal! c node "CONT" (cluster/pids c node)))))
    {:value {:node node :percent share} :stop on}))

(defn- jump!
  "The clock on the wall of one node is another, from a second to an hour, for the agent and all of PostgreSQL; the guards, the
   kernel and everything monotonic go on as they were."
  [c [a b d e]]
  (let [node (if (even? b) (leader-or-any c a) (nth-of (cluster/present c) a))
        seconds (* (nth [1 10 60 3600] (mod d 4)) (inc (mod e 3)) (if (even? (quot d 4)) 1 -1))]
    (cluster/set-clock! c node seconds)
    {:node node :seconds seconds}))

;; ---------------------------------------------------------------- operators

(defn- ask! [c node method path body]
  (let [{:keys [status body]} (cluster/request c node method path body 15)]
    {:node node :path path :status status :reply (when body (subs body 0 (min 120 (count body))))}))

(defn- synchronous [c] (map :name (filter #(#{"sync_standby" "quorum_standby"} (:role %)) (cluster/members c))))

(defn- administer! [c fault [a b]]
  (let [leader (cluster/leader c)
        nodes (cluster/present c)
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
  [c body]
  (cluster/await-true 20 (fn [] (some #(= 200 (:status (cluster/request c % "PATCH" "/config" body 5))) (cluster/present c)))))

(defn- administered-back! [c fault]
  (case fault
    :maintenance (until-accepted! c "{\"pause\":null}")
    :config (until-accepted! c "{\"synchronous_node_count\":1,\"synchronous_mode_strict\":null}")
    nil))

;; ---------------------------------------------------------------- a server that does not stop

(defn- stick!
  "Nothing in PostgreSQL obeys but the postmaster: no fast shutdown ends. :stuck-stop asks for one by a switchover."
  [c fault dice]
  (let [n (leader-or-any c (first dice))
        hit (hit! c n "STOP" (case fault
                               :stuck-stop (cluster/pids c n :checkpointer)
                               :stuck-server (cluster/pids c n :server)))]
    (cond-> hit
      (= :stuck-stop fault) (assoc :switchover (cluster/in-background #(administer! c :switchover dice))))))

;; ---------------------------------------------------------------- disks

(defn- filler [c node volume] (io/file (cluster/home c node) volume "filler"))

(defn- fill! [c volume [a b]]
  (let [node (if (even? b) (leader-or-any c a) (nth-of (cluster/present c) a))]
    (sh/run "dd" "if=/dev/zero" (str "of=" (filler c node volume)) "bs=1M")
    {:node node :volume volume}))

(defn- make-room! [{:keys [nodes] :as c}]
  (doseq [n nodes v ["pg" "store"]] (io/delete-file (filler c n v) true)))

;; ---------------------------------------------------------------- etcd

(defn- hit-etcd!
  "One server, or all at once every third time."
  [c signal [a b]]
  (let [nodes (cluster/present c)]
    (vec (for [n (if (zero? (mod b 3)) nodes [(nth-of nodes a)])]
           (hit! c n signal (cluster/pids c n :store))))))

(defn- wipe-etcd!
  "All servers are killed and begin again with nothing, while a primary is there to write it anew."
  [c]
  (if (cluster/whole? c)
    (let [nodes (cluster/present c)]
      (doseq [n nodes] (hit! c n "KILL" (cluster/pids c n :store)))
      (doseq [n nodes]
        (cluster/await-true 10 #(empty? (cluster/pids c n :store)))
        (sh/run! "rm" "-rf" (system/etcd-data (cluster/home c n))))
      (restart-agents! c))
    :not-whole))

;; ---------------------------------------------------------------- all

(def ^:private group-of (into {} (for [[g fs] schedule/groups f fs] [f g])))

(defn begin!
  "{:value what was hit, for the history; more for end!}"
  [{:keys [net] :as c} fault dice]
  (case (group-of fault)
    "partition" (if (#{:flapping :flapping-leader} fault) (flap! c fault dice) {:value (cut! c fault dice)})
    "network" (case fault
                :loss (let [share (/ (+ 5 (mod (first dice) 40)) 100.0)]
                        (net/lose! net (cluster/present c) share)
                        {:value {:share share}})
                :slow (let [node (nth-of (cluster/present c) (first dice)) rate (str (+ 100 (nth dice 1)) "kbit")]
                        (net/slow! net node rate)
                        {:value {:node node :rate rate}}))
    "kill" {:value (kill! c fault dice)}
    "pause" {:value (stop! c fault dice)}
    "membership" (membership/begin! c fault dice)
    "etcd" {:value (hit-etcd! c (if (= :kill-etcd fault) "KILL" "STOP") dice)}
    "etcd-wiped" {:value (wipe-etcd! c)}
    "restart" {:value (vec (for [n (cluster/present c)] (hit! c n "KILL" (cluster/pids c n))))}
    "admin" {:value (administer! c fault dice)}
    "cpu" (starve! c fault dice)
    "clock" {:value (jump! c dice)}
    "stuck" {:value (stick! c fault dice)}
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
      ("pause" "stuck") (do (when-not (some groups ["pause" "stuck"]) (thaw! c)) nil)
      "membership" (membership/end! c fault begun)
      "etcd" (do (when-not (some groups ["pause" "stuck"]) (thaw! c)) (restart-agents! c))
      "etcd-wiped" (restart-agents! c)
      ;; What another fault has stopped is woken, too; that fault is then a shorter one.
      "cpu" (do (reset! (:stop begun) false) nil)
      "clock" (do (when-not (groups "clock") (doseq [n nodes] (cluster/set-clock! c n 0))) nil)
      "restart" (restart-agents! c)
      "admin" (administered-back! c fault)
      "disk" (do (make-room! c) (restart-agents! c)))))

(defn heal!
  "Everything as it was: links, processes, disks, settings."
  [{:keys [net nodes] :as c}]
  (net/heal! net nodes)
  (net/fast! net nodes)
  (thaw! c)
  (doseq [n nodes] (cluster/set-clock! c n 0))
  (make-room! c)
  (let [started (restart-agents! c)
        settings (until-accepted! c "{\"pause\":null,\"synchronous_node_count\":1,\"synchronous_mode_strict\":null}")
        peers (membership/heal! c)]
    {:started started :settings settings :peers peers}))
