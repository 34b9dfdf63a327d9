(ns matriarch.chaos.checker.counter
  "A counter that is added to and read. A read must lie between what must and what may have happened: adds acknowledged
   before it began certainly count; adds begun before it ended, unless refused, may count. An add of unknown outcome may
   count from its beginning on, for ever. Adds may be negative."
  (:require [matriarch.chaos.history :as h]))

(defn check [history]
  (let [pairs (h/pairs history)
        completion (into {} (map (fn [[i c]] [(:index i) c]) pairs))
        refused? (fn [op] (= :fail (:type (completion (:index op)))))
        ;; sure: acknowledged so far. least, most: the extremes of what is under way or unknown.
        steps (reduce
               (fn [{:keys [sure least most open] :as state} op]
                 (let [add? (= :add (:f op))
                       v (:value op)]
                   (cond
                     (not (h/client? op)) state
                     (and add? (h/invoke? op) (not (refused? op)))
                     (let [least (+ least (min 0 v)) most (+ most (max 0 v))]
                       ;; A read that is under way may see it.
                       (assoc state :least least :most most
                              :open (update-vals open (fn [[low high]] [(min low (+ sure least)) (max high (+ sure most))]))))
                     (and add? (h/ok? op))
                     (assoc state :sure (+ sure v) :least (- least (min 0 v)) :most (- most (max 0 v)))
                     (and (not add?) (h/invoke? op))
                     (assoc-in state [:open (:process op)] [(+ sure least) (+ sure most)])
                     (and (not add?) (h/ok? op))
                     (let [[low high] (open (:process op))]
                       (-> state
                           (update :reads conj [low v high (:index op)])
                           (update :open dissoc (:process op))))
                     (not add?) (update state :open dissoc (:process op))
                     :else state)))
               {:sure 0 :least 0 :most 0 :open {} :reads []}
               history)
        reads (:reads steps)
        wrong (remove (fn [[low v high]] (<= low v high)) reads)]
    (if (empty? reads)
      {:valid? :unknown :error "the counter was never read"}
      {:valid? (empty? wrong)
       :reads (count reads)
       :error-count (count wrong)
       :errors (mapv (fn [[low v high i]] {:lower low :read v :upper high :index i}) (take 10 wrong))
       :final (second (last reads))
       :acknowledged (:sure steps)})))
