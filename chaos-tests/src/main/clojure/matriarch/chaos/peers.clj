(ns matriarch.chaos.peers
  "The peers of the built-in store, seen and changed as an operator does it: with matriarchctl, at whichever agent answers.
   A peer is named by its address, HOST:PORT."
  (:require [clojure.string :as str]
            [matriarch.chaos.cluster :as cluster]
            [matriarch.chaos.net :as net]
            [matriarch.chaos.shell :as sh]
            [matriarch.chaos.system :as system]))

(defn built-in?
  "Whether this cluster has such a store, and we know how to ask for it."
  [{:keys [net system options]}]
  (and (= "matriarch" system) (not= "etcd3" (:store options)) (not (:hosts net))))

(defn address [{:keys [net]} node] (system/store-address (net/address net node)))

(defn- ctl
  "matriarchctl at the agent of a node: {:exit :out}."
  [{:keys [dir net]} node seconds & words]
  (apply sh/run-within seconds
         (concat (system/our-environment dir)
                 [(str dir "/dist/bin/matriarchctl") "--endpoint" (str (net/address net node) ":" system/control-port)]
                 words)))

(defn- brief [{:keys [exit out]}] {:exit exit :said (last (sh/lines out))})

(defn change!
  "Asks one agent for a change, whatever becomes of it: {:via :words :exit :said}."
  [c via & words]
  (merge {:via via :words (vec words)} (brief (apply ctl c via 50 "raft" words))))

(defn- row [fields]
  ;; Peer, Address, Role, Leader, Term, Commit, Applied, Contact ms, Fsync ms, Note; the note is left out if there is none.
  (let [[peer address role leader term] fields]
    {:peer peer :address address :role role :leader leader :term term :note (nth fields 9 "")}))

(defn rows
  "What list-peers printed as tsv, without its head; nil if it is no list."
  [out]
  (let [[head & lines] (filter #(str/includes? % "\t") (str/split-lines out))]
    (when (and head (str/starts-with? head "Peer\tAddress"))
      (mapv #(row (str/split % #"\t" -1)) lines))))

(defn listed
  "The store as the first agent that can tell sees it: {:via :exit :peers}; :exit is 0 if all its peers are there and agree. nil if
   nobody can tell."
  [c]
  (some (fn [node]
          (let [{:keys [exit out]} (ctl c node 20 "raft" "list-peers" "-f" "tsv")]
            (when-let [peers (and (#{0 1} exit) (seq (rows out)))]
              {:via node :exit exit :peers (vec peers)})))
        (cluster/present c)))

(defn done?
  "Whether an answer says that nothing is left to do: it was done, or nobody of that address is there to be removed."
  [{:keys [exit said]}]
  (or (= 0 exit) (boolean (some-> said (str/includes? "no peer of the store is called")))))

(defn- until
  "Asks one agent after another until nothing is left to do or so many seconds have passed; all that was said."
  [c seconds words]
  (let [end (+ (System/nanoTime) (* seconds 1000000000))]
    (loop [[node & more] (cycle (cluster/present c)) said []]
      (let [answer (apply change! c node words)
            said (conj said answer)]
        (cond
          (done? answer) said
          (neg? (- end (System/nanoTime))) said
          :else (do (Thread/sleep 500) (recur more said)))))))

(defn take-in! [c node seconds] (until c seconds ["add-peer" (address c node)]))

(defn take-out! [c node seconds] (until c seconds ["remove-peer" (address c node) "--force"]))

(defn as-wanted?
  "Exactly the nodes that the cluster began with have a vote, all are there and agree, and one leads. wanted: their addresses."
  [wanted {:keys [exit peers]}]
  (and (= 0 exit)
       (= (sort wanted) (sort (map :address peers)))
       (every? #(#{"leader" "follower"} (:role %)) peers)
       (= 1 (count (filter #(= "leader" (:role %)) peers)))))

(defn- voter?
  "list-peers shows those who wait to be taken in, too."
  [{:keys [role note]}]
  (not (or (= "forming" role) (str/ends-with? role "(no vote)") (str/starts-with? note "is not a voter"))))

(defn next-change
  "What is to be done so that exactly the wanted addresses have a vote, in words for matriarchctl raft; nil: nothing."
  [wanted peers]
  (let [voters (set (map :address (filter voter? peers)))
        missing (first (remove voters (sort wanted)))
        strange (first (remove (set wanted) (sort voters)))]
    (cond
      missing ["add-peer" missing]
      strange ["remove-peer" strange "--force"])))

(defn put-right!
  "Takes in whoever of the first nodes is missing and takes out everybody else, for so many seconds at most. What was done."
  [c seconds]
  (let [wanted (map #(address c %) (cluster/core c))
        end (+ (System/nanoTime) (* seconds 1000000000))]
    (loop [done []]
      (let [{:keys [peers via]} (listed c)
            words (when (seq peers) (next-change wanted peers))]
        (cond
          (and (seq peers) (nil? words)) done
          (neg? (- end (System/nanoTime))) (conj done :out-of-time)
          :else (let [answer (when words (apply change! c via words))]
                  (when-not (some-> answer done?) (Thread/sleep 500))
                  (recur (cond-> done answer (conj answer)))))))))
