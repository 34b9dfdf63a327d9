(ns matriarch.chaos.checker.grow-set-test
  (:require [clojure.test :refer [deftest is]]
            [matriarch.chaos.checker.grow-set :as grow-set]
            [matriarch.chaos.histories :refer [history one-after-another]]))

(deftest everything-acknowledged-is-there
  (let [r (grow-set/check (one-after-another [:add 1] [:add 2] [:read nil :ok [2 1]]))]
    (is (true? (:valid? r)))
    (is (= 2 (:acknowledged r) (:read r)))))

(deftest an-acknowledged-element-is-missing
  (let [r (grow-set/check (one-after-another [:add 1] [:add 2] [:read nil :ok [1]]))]
    (is (false? (:valid? r)))
    (is (= [2] (:lost r)))))

(deftest an-element-is-there-twice
  (let [r (grow-set/check (one-after-another [:add 1] [:read nil :ok [1 1]]))]
    (is (false? (:valid? r)))
    (is (= [1] (:duplicated r)))))

(deftest nobody-added-it
  (is (= [7] (:unexpected (grow-set/check (one-after-another [:add 1] [:read nil :ok [1 7]]))))))

(deftest a-refused-add-is-there-all-the-same
  (let [r (grow-set/check (one-after-another [:add 1 :fail] [:read nil :ok [1]]))]
    (is (false? (:valid? r)))
    (is (= [1] (:unexpected r)))))

(deftest unknown-adds-may-be-there-or-not
  (let [r (grow-set/check (history [0 :invoke :add 1] [0 :info :add 1]
                                   [1 :invoke :add 2] [1 :info :add 2]
                                   [2 :invoke :read nil] [2 :ok :read [2]]))]
    (is (true? (:valid? r)))
    (is (= 1 (:recovered-count r)))))

(deftest an-add-that-never-returned-is-unknown
  (is (true? (:valid? (grow-set/check (history [0 :invoke :add 1] [1 :invoke :read nil] [1 :ok :read [1]]))))))

(deftest a-set-that-was-never-read-is-no-success
  (is (= :unknown (:valid? (grow-set/check (one-after-another [:add 1] [:read nil :fail]))))))
