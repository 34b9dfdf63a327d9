(ns matriarch.chaos.histories
  "Short ways to write histories in tests."
  (:require [matriarch.chaos.history :as h]))

(defn history
  "Vectors [process type f value & {more}], in order, become operations one millisecond apart."
  [& ops]
  (h/index (map-indexed (fn [i [p t f v more]] (merge {:process p :type t :f f :value v :time (* i 1000000)} more)) ops)))

(defn one-after-another
  "Each [f value type result] invoked and completed before the next, all by process 0."
  [& ops]
  (apply history (mapcat (fn [[f v t r]] [[0 :invoke f v] [0 (or t :ok) f (if (nil? r) v r)]]) ops)))
