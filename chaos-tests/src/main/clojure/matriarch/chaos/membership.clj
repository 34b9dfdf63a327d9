(ns matriarch.chaos.membership
  "Faults of operators who change who is in the cluster, at bad moments: a node more, a peer of the store less, a node with new
   disks, another leader of the store. Disks are emptied only while all else is well, because a row that is on two disks
   is promised to survive the loss of one."
  (:require [matriarch.chaos.cluster :as cluster]
            [matriarch.chaos.peers :as peers]))

(defn- nth-of [coll die] (when (seq coll) (nth (vec coll) (mod die (count coll)))))

(defn- kill! [c node]
  (cluster/await-true 20 (fn []
                           (cluster/signal! c node "KILL" (cluster/pids c node))
                           (empty? (cluster/pids c node)))))

;; ---------------------------------------------------------------- a node more

(defn- add-node!
  "The spare node is started, on empty disks if nothing of it can be needed, and taken in as soon as it can be."
  [{:keys [spares joined] :as c}]
  (let [node (first spares)
        on (atom true)
        fresh (cluster/whole? c)]
    (when fresh (cluster/wipe! c node))
    (swap! joined conj node)
    (cluster/start-agent! c node)
    {:value {:node node :fresh fresh}
     :stop on
     :asked (future (loop [said []]
                      (let [said (into said (try (peers/take-in! c node 0) (catch Exception e [(str e)])))]
                        (if (and @on (not @(:closed c)) (not= 0 (:exit (peek said))))
                          (do (Thread/sleep 500) (recur said))
                          said))))}))

(defn- lose-spare!
  "The node more is there no longer. first-dead: its host is gone before anybody takes it out of the store."
  [{:keys [spares joined] :as c} first-dead seconds]
  (let [node (first spares)
        out! (fn [] (peers/take-out! c node seconds))
        gone! (fn [] (swap! joined disj node) (kill! c node))]
    (if first-dead
      (do (gone!) (out!))
      (let [said (out!)] (gone!) said))))

;; ---------------------------------------------------------------- a node with new disks

(defn- replace-node!
  "Waits a moment for the cluster to be whole."
  [c [a b]]
  (if (cluster/await-true 10 #(cluster/whole? c))
    (let [node (if (even? b) (or (cluster/leader c) (nth-of (cluster/core c) a)) (nth-of (cluster/core c) a))]
      (kill! c node)
      (cluster/wipe! c node)
      {:node node :wiped true})
    :not-whole))

;; ---------------------------------------------------------------- peers of the store

(defn- remove-peer! [c [a b]]
  (let [leader (cluster/leader c)
        core (cluster/core c)
        node (or (when (zero? (mod b 3)) leader) (nth-of (remove #{leader} core) a))]
    ;; The one that is removed is asked, too, now and then.
    (assoc (peers/change! c (nth-of core (quot b 3)) "remove-peer" (peers/address c node) "--force") :node node)))

(defn- move-store-leader!
  "Another leader again and again, now a certain one, now the one that is furthest."
  [c [a]]
  (let [on (atom true)]
    {:value {:again-and-again true}
     :stop on
     :asked (future (loop [die a said []]
                      (if (and @on (not @(:closed c)))
                        (let [to (nth-of (cluster/core c) die)
                              words (if (zero? (mod die 4)) ["transfer-leader"] ["transfer-leader" (peers/address c to)])]
                          (recur (inc die)
                                 (conj said (try (apply peers/change! c (nth-of (cluster/core c) (quot die 2)) words)
                                                 (catch Exception e (str e))))))
                        said)))}))

;; ---------------------------------------------------------------- all

(defn begin!
  "{:value what was hit; more for end!}"
  [{:keys [members-changed] :as c} fault dice]
  (reset! members-changed true)
  (case fault
    :add-node (assoc (add-node! c) :first-dead (even? (nth dice 2)))
    :remove-peer (let [value (remove-peer! c dice)] {:value value :node (:node value)})
    :replace-node {:value (replace-node! c dice)}
    :move-store-leader (move-store-leader! c dice)))

(defn- stopped
  "What the background has to say, once it has ended."
  [{:keys [stop asked]}]
  (reset! stop false)
  (deref asked 55000 :no-end))

(defn end! [c fault begun]
  (case fault
    :add-node {:taken-in (stopped begun) :taken-out (lose-spare! c (:first-dead begun) 15)}
    :remove-peer (when-let [node (:node begun)] (peers/take-in! c node 15))
    :replace-node (vec (keep #(cluster/start-agent! c %) (cluster/present c)))
    :move-store-leader (stopped begun)))

(defn heal!
  "Nobody but the first nodes is in it."
  [{:keys [spares joined members-changed] :as c}]
  (when (some-> members-changed deref)
    (doseq [node spares]
      (swap! joined disj node)
      (kill! c node))
    (peers/put-right! c 60)))
