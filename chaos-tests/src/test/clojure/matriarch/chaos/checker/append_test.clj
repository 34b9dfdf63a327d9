(ns matriarch.chaos.checker.append-test
  (:require [clojure.test :refer [deftest is]]
            [matriarch.chaos.checker.append :as append]
            [matriarch.chaos.histories :refer [history one-after-another]]))

(defn- concurrent
  "All invoked first, then all completed: nothing follows from time."
  [& txns]
  (apply history (concat (map-indexed (fn [p t] [p :invoke :txn t]) txns)
                         (map-indexed (fn [p t] [p :ok :txn t]) txns))))

(defn- found [h] (set (:anomaly-types (append/check h))))

(deftest one-after-another-is-fine
  (let [r (append/check (one-after-another [:txn [[:append :x 1]]]
                                           [:txn [[:r :x nil] [:append :x 2]] :ok [[:r :x [1]] [:append :x 2]]]
                                           [:txn [[:r :x nil] [:r :y nil]] :ok [[:r :x [1 2]] [:r :y nil]]]))]
    (is (true? (:valid? r)) (pr-str r))
    (is (= 3 (:acknowledged r)))))

(deftest g0-two-writers-in-opposite-orders
  (is (contains? (found (concurrent [[:append :x 1] [:append :y 1]]
                                    [[:append :x 2] [:append :y 2]]
                                    [[:r :x [1 2]] [:r :y [2 1]]]))
                 :G0)))

(deftest g1a-a-refused-append-is-read
  (is (= #{:G1a} (found (history [0 :invoke :txn [[:append :x 1]]] [0 :fail :txn [[:append :x 1]]]
                                 [1 :invoke :txn [[:r :x nil]]] [1 :ok :txn [[:r :x [1]]]])))))

(deftest g1b-the-midst-of-a-transaction-is-read
  (is (contains? (found (concurrent [[:append :x 1] [:append :x 2]] [[:r :x [1]]] [[:r :x [1 2]]])) :G1b)))

(deftest g1c-two-read-each-other
  (is (= #{:G1c} (found (concurrent [[:append :x 1] [:r :y [1]]] [[:append :y 1] [:r :x [1]]])))))

(deftest g-single-read-skew
  (is (= #{:G-single} (found (concurrent [[:append :x 1] [:append :y 1]]
                                         [[:r :x [1]] [:r :y []]]
                                         [[:r :y [1]]])))))

(deftest g2-write-skew
  (is (= #{:G2} (found (concurrent [[:r :x []] [:append :y 1]]
                                   [[:r :y []] [:append :x 1]]
                                   [[:r :x [1]] [:r :y [1]]])))))

(deftest a-stale-read-is-a-cycle-in-real-time
  (is (contains? (found (one-after-another [:txn [[:append :x 1]]]
                                           [:txn [[:r :x nil]] :ok [[:r :x []]]]
                                           [:txn [[:r :x nil]] :ok [[:r :x [1]]]]))
                 :G-single-realtime)))

(deftest an-acknowledged-append-is-lost
  (is (= #{:lost-append} (found (one-after-another [:txn [[:append :x 1]]] [:txn [[:append :x 2]]]
                                                   [:txn [[:r :x nil]] :ok [[:r :x [2]]]])))))

(deftest an-append-of-unknown-outcome-may-be-missing-or-there
  (doseq [v [[] [1]]]
    (is (= #{} (found (history [0 :invoke :txn [[:append :x 1]]] [0 :info :txn [[:append :x 1]]]
                               [1 :invoke :txn [[:r :x nil]]] [1 :ok :txn [[:r :x v]]]))))))

(deftest what-was-read-vanishes
  (is (= #{:incompatible-order} (disj (found (one-after-another [:txn [[:append :x 1]] :info]
                                                                [:txn [[:append :x 2]] :info]
                                                                [:txn [[:r :x nil]] :ok [[:r :x [1]]]]
                                                                [:txn [[:r :x nil]] :ok [[:r :x [2]]]]))
                                      :G-single-realtime))))

(deftest duplicates-garbage-and-contradictions
  (is (contains? (found (one-after-another [:txn [[:append :x 1]]] [:txn [[:r :x nil]] :ok [[:r :x [1 1]]]])) :duplicate-elements))
  (is (contains? (found (one-after-another [:txn [[:r :x nil]] :ok [[:r :x [9]]]])) :garbage))
  (is (contains? (found (one-after-another [:txn [[:append :x 1] [:r :x nil]] :ok [[:append :x 1] [:r :x []]]])) :internal)))

(deftest never-read (is (= :unknown (:valid? (append/check (one-after-another [:txn [[:append :x 1]]]))))))

(deftest many-transactions-are-quick
  (let [n 3000
        h (apply one-after-another
                 (mapcat (fn [i] (let [k (quot i 20) before (vec (range (* 20 k) i))]
                                   [[:txn [[:r k nil] [:append k i]] :ok [[:r k before] [:append k i]]]]))
                         (range n)))]
    (is (true? (:valid? (append/check h))))))
