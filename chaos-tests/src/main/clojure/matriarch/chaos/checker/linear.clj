(ns matriarch.chaos.checker.linear
  "Linearizability of a compare-and-set register, by the search of Wing and Gong with Lowe's memory of configurations
   seen: try the operations that may come next, go back where none may, and never look twice at the same set of
   operations with the same value. Operations of unknown outcome may take effect at any later time or never.

   Operations: {:f :read :value v}, {:f :write :value v}, {:f :cas :value [old new]}. The search is bounded: a history that
   needs more configurations gets :unknown."
  (:require [matriarch.chaos.history :as h])
  (:import (java.util BitSet HashSet ArrayDeque)))

(defn- step
  "The register's value after the operation, or ::no if it could not have happened so."
  [state f value]
  (case f
    :read (if (= state value) state ::no)
    :write value
    :cas (let [[old new] value] (if (= state old) new ::no))))

(defn- operations
  "Those that may have happened, with their places in the history; :return is nil for an unknown outcome. A read of unknown
   outcome tells nothing and is left out. A refused compare-and-set tells nothing either: it may also have been refused by
   a conflict."
  [history]
  (->> (h/pairs history)
       (keep (fn [[i c :as pair]]
               (case (h/outcome pair)
                 :ok {:f (:f i) :value (:value c) :call (:index i) :return (:index c) :op c}
                 :info (when-not (= :read (:f i))
                         {:f (:f i) :value (:value i) :call (:index i) :return nil :op i})
                 nil)))
       vec))

(defn check
  "initial: the value at first; limit: how many configurations are looked at, at most."
  [initial limit history]
  (let [ops (operations history)
        n (count ops)
        calls (mapv :call ops)
        returns (mapv #(or (:return %) Long/MAX_VALUE) ops)
        must (BitSet.)
        _ (dotimes [i n] (when (:return (ops i)) (.set must i)))
        seen (HashSet.)
        stack (ArrayDeque.)
        done? (fn [^BitSet b] (let [m (.clone must)] (.andNot ^BitSet m b) (.isEmpty ^BitSet m)))]
    (.push stack [(BitSet.) initial])
    (.add seen [(BitSet.) initial])
    (loop [best 0 stuck nil]
      (if (.isEmpty stack)
        {:valid? false :operations n :configurations (.size seen) :linearized best
         :stuck (when stuck
                  (let [[^BitSet b state] stuck
                        left (remove #(.get b %) (range n))
                        frontier (reduce min Long/MAX_VALUE (map returns left))]
                    {:value state
                     :next (mapv #(:op (ops %)) (take 8 (filter #(< (calls %) frontier) left)))}))}
        (let [[^BitSet b state :as configuration] (.pop stack)]
          (cond
            (done? b) {:valid? true :operations n :configurations (.size seen)}
            (< limit (.size seen)) {:valid? :unknown :operations n :configurations (.size seen)
                                    :error "more configurations than the limit"}
            :else
            (let [;; Operations are in the order of their calls: look on until one is called after the first return.
                  candidates (loop [i (.nextClearBit b 0) frontier Long/MAX_VALUE found []]
                               (if (or (>= i n) (> (calls i) frontier))
                                 found
                                 (recur (.nextClearBit b (inc i)) (long (min frontier (returns i))) (conj found i))))
                  frontier (reduce min Long/MAX_VALUE (map returns candidates))]
              (doseq [i candidates :when (< (calls i) frontier)]
                (let [{:keys [f value]} (ops i)
                      after (step state f value)]
                  (when-not (= ::no after)
                    (let [next (.clone b)]
                      (.set ^BitSet next (int i))
                      (when (.add seen [next after])
                        (.push stack [next after]))))))
              (let [reached (.cardinality b)]
                (if (>= reached best) (recur reached configuration) (recur best stuck))))))))))

(defn check-keys
  "One register for each key: operations' values are [key value]."
  [initial limit history]
  (let [client (filter h/client? history)
        by-key (group-by #(first (:value %)) client)
        results (into (sorted-map)
                      (for [[k ops] by-key]
                        [k (check initial limit (map #(update % :value second) ops))]))
        bad (into {} (remove #(true? (:valid? (val %))) results))]
    {:valid? (cond
               (empty? results) :unknown
               (some false? (map :valid? (vals results))) false
               (some #{:unknown} (map :valid? (vals results))) :unknown
               :else true)
     :registers (count results)
     :operations (reduce + 0 (map :operations (vals results)))
     :bad (into {} (take 5 bad))}))
