(ns matriarch.chaos.checker.linear-test
  (:require [clojure.test :refer [deftest is]]
            [matriarch.chaos.checker.linear :as linear]
            [matriarch.chaos.histories :refer [history one-after-another]]))

(defn- valid? [h] (:valid? (linear/check nil 100000 h)))

(deftest one-after-another-in-order
  (is (true? (valid? (one-after-another [:write 1] [:read nil :ok 1] [:cas [1 2]] [:read nil :ok 2])))))

(deftest an-old-value-is-read
  (is (false? (valid? (one-after-another [:write 1] [:write 2] [:read nil :ok 1])))))

(deftest a-compare-and-set-that-could-not-succeed
  (is (false? (valid? (one-after-another [:write 1] [:cas [2 3]])))))

(deftest a-refused-write-was-read
  (is (false? (valid? (one-after-another [:write 1] [:write 2 :fail] [:read nil :ok 2])))))

(deftest overlapping-writes-come-in-either-order
  (doseq [v [1 2]]
    (is (true? (valid? (history [0 :invoke :write 1] [1 :invoke :write 2] [0 :ok :write 1] [1 :ok :write 2]
                                [2 :invoke :read nil] [2 :ok :read v]))))))

(deftest but-not-in-both
  (is (false? (valid? (history [0 :invoke :write 1] [1 :invoke :write 2] [0 :ok :write 1] [1 :ok :write 2]
                               [2 :invoke :read nil] [2 :ok :read 1] [2 :invoke :read nil] [2 :ok :read 2]
                               [2 :invoke :read nil] [2 :ok :read 1])))))

(deftest new-old-inversion-under-one-long-write
  (is (false? (valid? (history [0 :invoke :write 0] [0 :ok :write 0]
                               [0 :invoke :write 1]
                               [1 :invoke :read nil] [1 :ok :read 1]
                               [2 :invoke :read nil] [2 :ok :read 0]
                               [0 :ok :write 1])))))

(deftest a-write-of-unknown-outcome-may-come-late-or-never
  (is (true? (valid? (history [0 :invoke :write 1] [0 :ok :write 1] [1 :invoke :write 2] [1 :info :write 2]
                              [0 :invoke :read nil] [0 :ok :read 1] [0 :invoke :read nil] [0 :ok :read 2]))))
  (is (true? (valid? (history [0 :invoke :write 1] [0 :ok :write 1] [1 :invoke :write 2] [1 :info :write 2]
                              [0 :invoke :read nil] [0 :ok :read 1])))
      "never"))

(deftest but-only-once
  (is (false? (valid? (history [0 :invoke :write 1] [0 :ok :write 1] [1 :invoke :write 2] [1 :info :write 2]
                               [0 :invoke :read nil] [0 :ok :read 2] [0 :invoke :write 1] [0 :ok :write 1]
                               [0 :invoke :read nil] [0 :ok :read 2])))))

(deftest two-compare-and-sets-from-the-same-value
  (is (false? (valid? (history [0 :invoke :write 1] [0 :ok :write 1]
                               [0 :invoke :cas [1 2]] [1 :invoke :cas [1 3]] [0 :ok :cas [1 2]] [1 :ok :cas [1 3]])))))

(deftest the-search-is-bounded
  (let [many (apply history (concat (map (fn [p] [p :invoke :write p]) (range 30))
                                    (map (fn [p] [p :ok :write p]) (range 30))
                                    [[99 :invoke :read nil] [99 :ok :read 1000]]))]
    (is (= :unknown (:valid? (linear/check nil 1000 many))))))

(deftest a-long-history-is-quick
  (is (true? (valid? (apply one-after-another (mapcat (fn [i] [[:write i] [:read nil :ok i]]) (range 500)))))))

(deftest registers-are-independent
  (is (true? (:valid? (linear/check-keys nil 1000 (one-after-another [:write [1 5]] [:write [2 6]] [:read [1 nil] :ok [1 5]])))))
  (let [r (linear/check-keys nil 1000 (one-after-another [:write [1 5]] [:write [2 6]] [:read [1 nil] :ok [1 6]]))]
    (is (false? (:valid? r)))
    (is (= [1] (keys (:bad r))))))
