(ns matriarch.chaos.checker.holder
  "The leader lock as a lock service with a fencing token: whoever holds it says so to a health check, with the timeline as the
   token. :watcher's observations {:f :holder :value {:node :timeline :role :from :to}} are answers to GET /primary; one that was asked
   for after a newer holder's answer had come, and names an older timeline, is a holder that should not be.

   Who has just taken the lock says so before it is promoted, with the role of a replica, and names the timeline that it comes from. That
   may be older than the last holder's, if nothing was ever acknowledged on that one. It should not be the holder only if
   the other one, on the same timeline as before, is it again afterwards. And none may say so between two answers of another that
   lie so close together that the lock cannot have gone there and back.

   What HAProxy saw, {:f :haproxy :value {:up [nodes] :from :to}}: two at once are two primaries to every client behind it."
  (:require [clojure.set :as set]))

(defn- values-of [f history] (map :value (filter #(and (= f (:f %)) (= :watcher (:process %))) history)))

(defn- stale [seen]
  (loop [[a & more] (sort-by :from seen) ended (sorted-set-by (fn [x y] (compare [(:to x) (:node x)] [(:to y) (:node y)]))) newest nil found []]
    (if (nil? a)
      found
      (let [past (take-while #(< (:to %) (:from a)) ended)
            newest (reduce (fn [n o] (if (or (nil? n) (< (:timeline n) (:timeline o))) o n)) newest past)
            ended (conj (reduce disj ended past) a)]
        (recur more ended newest
               (if (and newest (< (:timeline a) (:timeline newest))) (conj found {:from (:from a) :to (:to a) :role (:role a) :holder a :although newest}) found))))))

(defn- unpromoted-rightly?
  "Whether a stale answer is one of a holder that is to be promoted: nobody went on with the newer timeline."
  [seen {:keys [role to although]}]
  (and (not= "primary" role)
       (not-any? #(and (= (:node although) (:node %)) (= (:timeline although) (:timeline %)) (< to (:from %))) seen)))

(def ^:private close 700000000)

(defn- between [seen]
  (let [by-node (group-by :node seen)]
    (for [[node held] by-node
          [a b] (partition 2 1 (sort-by :from held))
          :when (< (- (:to b) (:from a)) close)
          [other theirs] by-node
          :when (not= node other)
          o theirs
          :when (and (< (:to a) (:from o)) (< (:to o) (:from b)))]
      {:from (:to a) :to (:from b) :holder node :and o})))

(defn check
  "excused: as for primary."
  [excused history]
  (let [seen (values-of :holder history)
        proxied (values-of :haproxy history)
        stale (remove #(unpromoted-rightly? seen %) (stale seen))
        two (vec (between seen))
        both (filter #(next (:up %)) proxied)
        bad (remove excused (concat stale two both))]
    {:valid? (cond (seq bad) false (empty? seen) :unknown :else true)
     :observations (count seen)
     :holders (reduce set/union #{} (map (comp hash-set :node) seen))
     :stale (vec (take 5 (remove excused stale)))
     :two-holders (vec (take 5 (remove excused two)))
     :haproxy-observations (count proxied)
     :haproxy-two-primaries (vec (take 5 (remove excused both)))
     :excused (count (filter excused (concat stale two both)))}))
