(ns matriarch.chaos.nemesis-test
  (:require [clojure.test :refer [deftest is]]
            [matriarch.chaos.nemesis :as nemesis]))

(def ^:private three ["n1" "n2" "n3"])
(def ^:private five ["n1" "n2" "n3" "n4" "n5"])

(defn- hears? [grudge a b] (not (some #{b} (grudge a))))
(defn- both? [grudge a b] (and (hears? grudge a b) (hears? grudge b a)))
(defn- neighbours [grudge nodes a] (count (filter #(and (not= a %) (both? grudge a %)) nodes)))

(deftest nobody-is-cut-off-from-itself
  (doseq [fault [:halves :isolate-one :majority-ring :bridge :one-way :flapping] nodes [three five] die (range 10)]
    (let [g (nemesis/grudge fault nodes nil [die die])]
      (is (every? (fn [[a bs]] (not (some #{a} bs))) g) (str fault g)))))

(deftest the-leader-is-alone
  (let [g (nemesis/grudge :isolate-leader five "n4" [0 0])]
    (is (= 0 (neighbours g five "n4")))
    (is (both? g "n1" "n5"))))

(deftest halves-leave-a-majority
  (doseq [nodes [three five] die (range 5)]
    (let [g (nemesis/grudge :halves nodes nil [die 0])]
      (is (<= (inc (quot (count nodes) 2)) (reduce max (map #(inc (neighbours g nodes %)) nodes)))))))

(deftest in-a-ring-of-five-everybody-sees-another-majority
  (let [g (nemesis/grudge :majority-ring five nil [2 0])]
    (is (= [2 2 2 2 2] (map #(neighbours g five %) five)))
    (is (= 5 (count (set (map (fn [a] (set (filter #(hears? g a %) five))) five)))))))

(deftest of-three-nodes-one-sees-both
  (is (= [1 1 2] (sort (map #(neighbours (nemesis/grudge :majority-ring three nil [1 0]) three %) three)))))

(deftest a-bridge-sees-both-sides
  (let [g (nemesis/grudge :bridge five nil [0 0])]
    (is (= 4 (neighbours g five "n1")))
    (is (not (both? g "n2" "n5")))))

(deftest one-way-is-one-way
  (doseq [b [0 1]]
    (let [g (nemesis/grudge :one-way three nil [0 b])]
      (is (not= (hears? g "n1" "n2") (hears? g "n2" "n1"))))))
