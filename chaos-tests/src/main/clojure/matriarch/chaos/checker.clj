(ns matriarch.chaos.checker
  "Checkers are functions of a history that return a map with :valid? true, false or :unknown. They read no clock and no
   file, so that known-bad histories can be put to them."
  (:refer-clojure :exclude [merge]))

(defn merge-valid
  "The worst of several verdicts: false, then :unknown, then true."
  [verdicts]
  (cond
    (some false? verdicts) false
    (some #(= :unknown %) verdicts) :unknown
    :else true))

(defn compose
  "Runs every checker of the map, name -> function of the history. One that throws is no proof of anything: :unknown."
  [checkers history]
  (let [results (into (sorted-map)
                      (for [[k check] checkers]
                        [k (try (check history)
                                (catch Throwable t
                                  {:valid? :unknown :error (str t)}))]))]
    (assoc results :valid? (merge-valid (map :valid? (vals results))))))
