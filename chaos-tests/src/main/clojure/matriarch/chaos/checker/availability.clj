(ns matriarch.chaos.checker.availability
  "How long nothing was acknowledged, for each fault and in all. Not a matter of safety: the verdict is false only if the
   cluster did not come back after the last fault was healed."
  (:require [matriarch.chaos.history :as h]))

(defn- gaps
  "[from to] between acknowledged writes, with the ends of the run as borders."
  [times from to]
  (map vector (cons from times) (concat times [to])))

(def ^:private in-flight
  "The last acknowledgement before a fault is about so much older than the fault, at most."
  1000000000)

(defn check
  "write?: which operations count; recovered?: whether the cluster was whole again at the end.
   Faults are operations of :nemesis with :begins or :ends, the name of the fault. An interruption is put down to the last fault that
   had begun when it began, whatever came on top of it."
  [write? recovered? history]
  (let [done (sort (map :time (filter #(and (h/client? %) (h/ok? %) (write? %)) history)))
        started (reduce min Long/MAX_VALUE (map :time (filter h/client? history)))
        ended (reduce max 0 (map :time (filter h/client? history)))
        all (gaps done started ended)
        length (fn [[a b]] (- b a))
        longest (if (seq done) (reduce max 0 (map length all)) nil)
        begins (filter :begins history)
        faults (map (fn [op following]
                      (let [from (- (:time op) in-flight)
                            until (if following (- (:time following) in-flight) Long/MAX_VALUE)
                            own (filter (fn [[a _]] (and (<= from a) (< a until))) all)]
                        {:fault (:begins op) :at (:time op)
                         :longest-interruption (reduce max 0 (map length own))}))
                    begins (concat (rest begins) [nil]))]
    {:valid? (boolean (and recovered? (seq done)))
     :recovered? recovered?
     :writes (count done)
     :longest-interruption longest
     :faults (vec faults)}))
