(ns matriarch.chaos.schedule-test
  (:require [clojure.test :refer [deftest is]]
            [matriarch.chaos.schedule :as schedule]))

(def ^:private all (schedule/faults ["all"]))

(deftest the-seed-alone-decides
  (is (= (schedule/schedule 7 all 600000 8000) (schedule/schedule 7 all 600000 8000)))
  (is (not= (schedule/schedule 7 all 600000 8000) (schedule/schedule 8 all 600000 8000))))

(deftest every-fault-ends-in-time
  (let [entries (schedule/schedule 3 all 600000 8000)]
    (is (every? #(<= (:at %) 600000) entries))
    (is (apply <= (map :at entries)))
    (is (= (sort (map :id (filter #(= :begin (:do %)) entries)))
           (sort (map :id (filter #(= :end (:do %)) entries)))))
    (is (every? (fn [[_ [a b]]] (and (= :begin (:do a)) (= :end (:do b)) (< (:at a) (:at b)))) (group-by :id entries)))))

(deftest a-long-schedule-has-every-fault
  (is (= (set all) (set (map :fault (schedule/schedule 1 all 6000000 8000))))))

(deftest maintenance-comes-alone
  (let [entries (schedule/schedule 5 all 6000000 8000)
        spans (for [[_ [a b]] (group-by :id entries)] [(:fault a) (:at a) (:at b)])]
    (doseq [[f from to] spans :when (= :maintenance f)]
      (is (empty? (filter (fn [[g a b]] (and (not= [f from] [g a]) (< a to) (< from b))) spans))))))

(deftest one-change-of-the-members-at-a-time
  (let [spans (for [seed (range 20)
                    [_ [a b]] (group-by :id (schedule/schedule seed all 6000000 8000))]
                [seed (:fault a) (:at a) (:at b)])
        meet? (fn [[s f a b] [t g c d]] (and (= s t) (not= [f a] [g c]) (< c b) (< a d)))
        pairs (for [[_ of-seed] (group-by first spans)
                    x (filter #(#{:add-node :remove-peer :replace-node :move-store-leader} (second %)) of-seed)
                    y of-seed :when (meet? x y)]
                [(second x) (second y)])]
    (is (seq pairs))
    (is (empty? (filter (fn [[_ g]] (#{:add-node :remove-peer :replace-node :move-store-leader} g)) pairs)))
    (is (not-any? #{[:replace-node :reinit]} pairs))))

(deftest a-wiped-etcd-has-to-be-asked-for-by-name
  (is (not-any? #{:wipe-etcd} all))
  (is (some #{:kill-etcd} all))
  (is (= [:wipe-etcd] (schedule/faults ["etcd-wiped"]))))

(deftest names-of-faults-and-groups
  (is (= [:loss :slow :kill-agent] (schedule/faults ["network" "kill-agent"])))
  (is (= [] (schedule/faults ["none"])))
  (is (nil? (schedule/faults ["lightning"]))))
