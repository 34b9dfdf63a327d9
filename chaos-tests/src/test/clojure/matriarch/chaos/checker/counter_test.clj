(ns matriarch.chaos.checker.counter-test
  (:require [clojure.test :refer [deftest is]]
            [matriarch.chaos.checker.counter :as counter]
            [matriarch.chaos.histories :refer [history one-after-another]]))

(deftest sums-are-read
  (is (true? (:valid? (counter/check (one-after-another [:add 1] [:read nil :ok 1] [:add -3] [:read nil :ok -2]))))))

(deftest an-acknowledged-add-is-missing
  (is (= [{:lower 2 :read 1 :upper 2 :index 5}]
         (:errors (counter/check (one-after-another [:add 1] [:add 1] [:read nil :ok 1]))))))

(deftest an-add-counts-twice
  (is (false? (:valid? (counter/check (one-after-another [:add 1] [:read nil :ok 2]))))))

(deftest a-refused-add-counts
  (is (false? (:valid? (counter/check (one-after-another [:add 1 :fail] [:read nil :ok 1]))))))

(deftest unknown-adds-may-count-at-any-later-time
  (doseq [v [0 5]]
    (is (true? (:valid? (counter/check (history [0 :invoke :add 5] [0 :info :add 5]
                                                [1 :invoke :read nil] [1 :ok :read v])))) (str v)))
  (is (false? (:valid? (counter/check (history [0 :invoke :add 5] [0 :info :add 5]
                                               [1 :invoke :read nil] [1 :ok :read 6]))))))

(deftest adds-under-way-may-count
  (doseq [[v valid] {0 true 1 true -2 true -1 true 2 false -3 false}]
    (is (= valid (:valid? (counter/check (history [0 :invoke :add 1] [2 :invoke :read nil] [1 :invoke :add -2]
                                                  [2 :ok :read v] [0 :ok :add 1] [1 :ok :add -2]))))
        (str v))))

(deftest what-was-acknowledged-during-a-read-need-not-be-seen-by-it
  (is (true? (:valid? (counter/check (history [2 :invoke :read nil] [0 :invoke :add 1] [0 :ok :add 1] [2 :ok :read 0]))))))

(deftest never-read (is (= :unknown (:valid? (counter/check (one-after-another [:add 1]))))))
