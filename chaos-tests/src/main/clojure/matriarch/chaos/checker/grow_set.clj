(ns matriarch.chaos.checker.grow-set
  "Adds to a set and a read at the end, with Jepsen's names: lost are acknowledged elements that the last read does not
   have; unexpected are those that nobody tried to add, or whose add was refused for certain; recovered are those of
   unknown outcome that turned out to be there."
  (:require [matriarch.chaos.history :as h]))

(defn check [history]
  (let [adds (filter #(= :add (:f (first %))) (h/pairs history))
        value #(:value (first %))
        by (group-by h/outcome adds)
        acknowledged (set (map value (:ok by)))
        unknown (set (map value (:info by)))
        refused (reduce disj (set (map value (:fail by))) (concat acknowledged unknown))
        final (last (filter #(and (h/ok? %) (h/client? %) (= :read (:f %))) history))
        counts {:attempts (count adds) :acknowledged (count acknowledged)
                :unknown (count unknown) :refused (count refused)}]
    (if-not final
      (assoc counts :valid? :unknown :error "the set was never read")
      (let [present (set (:value final))
            lost (remove present acknowledged)
            unexpected (remove #(or (acknowledged %) (unknown %)) present)
            duplicated (keep (fn [[v n]] (when (< 1 n) v)) (frequencies (:value final)))]
        (assoc counts
               :valid? (and (empty? lost) (empty? unexpected) (empty? duplicated))
               :lost (vec (sort lost)) :lost-count (count lost)
               :unexpected (vec (sort unexpected))
               :duplicated (vec (sort duplicated))
               :recovered-count (count (filter unknown present))
               :read (count present))))))
