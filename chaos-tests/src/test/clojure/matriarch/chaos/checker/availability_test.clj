(ns matriarch.chaos.checker.availability-test
  (:require [clojure.test :refer [deftest is]]
            [matriarch.chaos.checker.availability :as availability]))

(def ^:private writes
  (concat (for [t [0 100 200 900 1000]] {:process 0 :type :ok :f :add :value t :time t})
          [{:process :nemesis :type :info :f :kill :begins :kill :time 250}
           {:process :nemesis :type :info :f :start :ends :kill :time 950}]))

(deftest the-longest-interruption-is-found
  (let [r (availability/check #(= :add (:f %)) true (sort-by :time writes))]
    (is (true? (:valid? r)))
    (is (= 700 (:longest-interruption r)))
    (is (= [{:fault :kill :at 250 :longest-interruption 700}] (:faults r)))))

(deftest an-interruption-is-put-down-to-the-fault-that-it-began-with
  (let [second 1000000000
        ops (concat (for [t [0 10 20 45 46 50]] {:process 0 :type :ok :f :add :value t :time (* t second)})
                    (for [[fault t] [[:loss 5] [:kill 20.5] [:slow 30] [:halves 45.2]]]
                      {:process :nemesis :type :info :f fault :begins fault :time (long (* t second))}))
        r (availability/check #(= :add (:f %)) true (sort-by :time ops))]
    (is (= [[:loss 10] [:kill 25] [:slow 0] [:halves 4]]
           (map (fn [{:keys [fault longest-interruption]}] [fault (quot longest-interruption second)]) (:faults r))))))

(deftest a-cluster-that-does-not-come-back
  (is (false? (:valid? (availability/check #(= :add (:f %)) false writes)))))

(deftest nothing-was-ever-written
  (is (false? (:valid? (availability/check #(= :add (:f %)) true [])))))
