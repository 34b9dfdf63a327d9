(ns matriarch.chaos.checker.primary
  "At most one primary. Two sorts of evidence:

   Acknowledged writes carry :server, {:node :start :timeline}, the server that acknowledged them. One on an older timeline
   that began after one on a newer timeline had been acknowledged was taken by a server that had been replaced; two servers
   that acknowledge on the same timeline have both been promoted to it.

   Observations of :watcher, {:f :seen :value {:node :start :timeline :writable :from :to}}, say that a server answered at
   some moment between :from and :to whether it was writable. A server that was writable twice was so in between, for
   without a restart none goes back into recovery. Two that were surely writable at the same moment are two primaries."
  (:require [matriarch.chaos.history :as h]))

(defn- stale-acknowledgements [history]
  (loop [[[i c] & more] (->> (h/pairs history)
                             (filter (fn [[_ c]] (and c (h/ok? c) (:server c) (:writes? c true))))
                             (sort-by #(:index (first %))))
         found []
         ;; Completions that may already lie before the invocations that follow.
         ended (sorted-map)
         newest nil]
    (if (nil? i)
      found
      (let [past (take-while #(< (key %) (:index i)) ended)
            newest (reduce (fn [n [_ c]] (if (or (nil? n) (< (:timeline (:server n)) (:timeline (:server c)))) c n)) newest past)
            ended (reduce dissoc ended (map key past))
            stale? (and newest (< (:timeline (:server c)) (:timeline (:server newest))))]
        (recur more
               (if stale? (conj found {:op c :although newest}) found)
               (assoc ended (:index c) c)
               newest)))))

(defn- shared-timelines [history]
  (->> history
       (filter #(and (h/ok? %) (:server %)))
       (map :server)
       (group-by :timeline)
       (keep (fn [[timeline servers]]
               (let [nodes (set (map :node servers))]
                 (when (next nodes) {:timeline timeline :nodes nodes}))))))

(defn- reigns
  "What is known of each server that was ever writable: surely from :from until :to."
  [history]
  (for [[[node start] seen] (->> history
                                 (filter #(and (= :seen (:f %)) (:writable (:value %))))
                                 (map :value)
                                 (group-by (juxt :node :start)))]
    {:node node :start start
     :from (reduce min (map :to seen))
     :to (reduce max (map :from seen))}))

(defn overlaps
  "Pairs of different nodes that were surely writable at the same moment, with that span of time."
  [history]
  (let [reigns (filter #(<= (:from %) (:to %)) (reigns history))]
    (for [a reigns b reigns
          :when (neg? (compare (:node a) (:node b)))
          :let [from (max (:from a) (:from b)) to (min (:to a) (:to b))]
          :when (< from to)]
      {:nodes [(:node a) (:node b)] :from from :to to})))

(defn check
  "excused: function of an overlap; true for one that the run itself brought about in a way against which no promise is
   made, such as a frozen host that has just been thawed. Those are told but do not count; acknowledged writes always do."
  [excused history]
  (let [stale (stale-acknowledgements history)
        shared (shared-timelines history)
        both (overlaps history)
        bad (remove excused both)]
    {:valid? (and (empty? stale) (empty? shared) (empty? bad))
     :stale-acknowledgement-count (count stale)
     :stale-acknowledgements (vec (take 5 stale))
     :shared-timelines (vec shared)
     :two-writable (vec bad)
     :excused (vec (filter excused both))
     :reigns (count (reigns history))
     :timelines (vec (sort (set (keep #(:timeline (:server %)) (filter h/ok? history)))))}))
