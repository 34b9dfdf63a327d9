(ns matriarch.chaos.checker.bank-test
  (:require [clojure.test :refer [deftest is]]
            [matriarch.chaos.checker.bank :as bank]
            [matriarch.chaos.histories :refer [one-after-another]]))

(defn- reads [& balances]
  (bank/check [0 1] 20 (apply one-after-another (map (fn [b] [:read nil :ok b]) balances))))

(deftest whole-sum (is (true? (:valid? (reads {0 10 1 10} {0 0 1 20})))))

(deftest money-vanished
  (let [r (reads {0 10 1 10} {0 5 1 10})]
    (is (false? (:valid? r)))
    (is (= :wrong-total (:type (first (:faults r)))))))

(deftest somebody-is-in-debt (is (= :negative (:type (first (:faults (reads {0 -1 1 21})))))))
(deftest an-account-is-missing (is (= :wrong-accounts (:type (first (:faults (reads {0 20})))))))
(deftest no-balance (is (= :nil-balance (:type (first (:faults (bank/check [0] 0 (one-after-another [:read nil :ok {0 nil}]))))))))
(deftest never-read (is (= :unknown (:valid? (reads)))))
