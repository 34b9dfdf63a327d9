(ns matriarch.chaos.schedule
  "Which fault comes when: a function of the seed alone, so that a run can be played again. What a fault hits is decided when
   it begins, from its :dice, because it may depend on who leads then."
  (:import (java.util Random)))

(def groups
  "The faults that --nemesis names, singly or by group."
  {"partition" [:halves :majority-ring :isolate-leader :isolate-one :bridge :one-way :flapping :flapping-leader]
   "network" [:loss :slow]
   "kill" [:kill-agent :kill-postmaster :kill-guard :kill-guards :kill-walsender :kill-backends :kill-agent-and-postmaster :kill-leader-node :kill-node]
   "pause" [:stop-agent :stop-postmaster :stop-walsender :stop-guard :freeze-leader-node :freeze-node]
   "restart" [:restart-all]
   "admin" [:switchover :failover :maintenance :reinit :config]
   "disk" [:full-wal :full-store]
   "cpu" [:starve-leader :starve-node]
   "clock" [:clock-jump]
   "stuck" [:stuck-stop :stuck-server]
   "membership" [:add-node :remove-peer :replace-node :move-store-leader]
   "etcd" [:kill-etcd :stop-etcd]
   "etcd-wiped" [:wipe-etcd]})

(def by-name-only
  "Groups that \"all\" leaves out: what a cluster can do after them is said in docs/external-stores.md, and is less."
  #{"etcd-wiped"})

(def ^:private alone
  "Not to be combined: without fences or without any member no promise is made about a second fault, and a full disk lasts."
  #{:maintenance :restart-all :wipe-etcd})

(def ^:private never-together
  "One disk may be lost for good at a time, and one peer of the store be away."
  [(set (groups "membership")) #{:replace-node :reinit}])

(defn- combinable?
  [a b]
  (not-any? #(and (% a) (% b)) never-together))

(defn faults
  "Names, as the command line has them, to faults; \"all\" and \"none\" are names, too. nil if one is unknown."
  [names]
  (let [known (set (mapcat val groups))]
    (reduce (fn [found name]
              (cond
                (nil? found) nil
                (= "none" name) found
                (= "all" name) (into found (mapcat val (sort (apply dissoc groups by-name-only))))
                (groups name) (into found (groups name))
                (known (keyword name)) (conj found (keyword name))
                :else nil))
            [] names)))

(defn schedule
  "[{:at :do :id :fault :dice}] sorted by :at, milliseconds from the beginning of the operations; :do is :begin or :end. All
   have ended at the end. interval: the mean length of a fault and of the quiet after it, milliseconds."
  [seed faults until interval]
  (let [random (Random. seed)
        dice (fn [] (vec (repeatedly 4 #(.nextInt random 1000))))
        between (fn [low high] (+ low (.nextInt random (int (max 1 (- high low))))))
        pick (fn [from] (nth from (.nextInt random (count from))))]
    (if (empty? faults)
      []
      (loop [at (between 3000 6000) id 0 found []]
        (let [first-fault (pick faults)
              combinable (filter #(combinable? first-fault %) (remove (conj alone first-fault) faults))
              second-fault (when (and (not (alone first-fault)) (seq combinable) (zero? (.nextInt random 3))) (pick (vec combinable)))
              length (between (quot interval 2) (quot (* 3 interval) 2))
              quiet (between (quot interval 3) interval)
              offset (.nextInt random (int length))
              entries (cond-> [{:at at :do :begin :id id :fault first-fault :dice (dice)}
                               {:at (+ at length) :do :end :id id :fault first-fault}]
                        second-fault (into [{:at (+ at offset) :do :begin :id (inc id) :fault second-fault :dice (dice)}
                                            {:at (+ at length) :do :end :id (inc id) :fault second-fault}]))
              end (+ at length)]
          (if (> end until)
            (vec (sort-by (juxt :at :id) found))
            (recur (+ end quiet) (+ id 2) (into found entries))))))))
