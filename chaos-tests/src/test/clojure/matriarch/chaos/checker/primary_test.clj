(ns matriarch.chaos.checker.primary-test
  (:require [clojure.test :refer [deftest is]]
            [matriarch.chaos.checker.primary :as primary]
            [matriarch.chaos.histories :refer [history]]))

(defn- on [node timeline] {:server {:node node :start 1 :timeline timeline}})
(defn- seen [node from to] [:watcher :info :seen {:node node :start 1 :writable true :from from :to to}])
(defn- check [& ops] (primary/check (constantly false) (apply history ops)))

(deftest one-after-the-other
  (let [r (check [0 :invoke :add 1] [0 :ok :add 1 (on "n1" 1)]
                 [0 :invoke :add 2] [0 :ok :add 2 (on "n2" 2)])]
    (is (true? (:valid? r)))
    (is (= [1 2] (:timelines r)))))

(deftest a-replaced-primary-acknowledges
  (let [r (check [0 :invoke :add 1] [0 :ok :add 1 (on "n2" 2)]
                 [1 :invoke :add 2] [1 :ok :add 2 (on "n1" 1)])]
    (is (false? (:valid? r)))
    (is (= 1 (:stale-acknowledgement-count r)))))

(deftest what-was-under-way-may-be-acknowledged-late
  (is (true? (:valid? (check [1 :invoke :add 2]
                             [0 :invoke :add 1] [0 :ok :add 1 (on "n2" 2)]
                             [1 :ok :add 2 (on "n1" 1)])))))

(deftest two-servers-on-one-timeline
  (is (= [{:timeline 2 :nodes #{"n1" "n2"}}]
         (:shared-timelines (check [0 :invoke :add 1] [0 :ok :add 1 (on "n1" 2)]
                                   [0 :invoke :add 2] [0 :ok :add 2 (on "n2" 2)])))))

(deftest two-writable-at-the-same-moment
  (let [r (check (seen "n1" 0 10) (seen "n2" 20 30) (seen "n1" 40 50) (seen "n2" 60 70))]
    (is (false? (:valid? r)))
    (is (= [{:nodes ["n1" "n2"] :from 30 :to 40}] (:two-writable r)))))

(deftest answers-that-only-may-have-overlapped-prove-nothing
  (is (true? (:valid? (check (seen "n1" 0 10) (seen "n1" 20 40) (seen "n2" 30 50) (seen "n2" 60 70))))))

(deftest an-excused-overlap-is-told-and-does-not-count
  (let [r (primary/check (constantly true)
                         (history (seen "n1" 0 10) (seen "n2" 20 30) (seen "n1" 40 50) (seen "n2" 60 70)))]
    (is (true? (:valid? r)))
    (is (= 1 (count (:excused r))))))
