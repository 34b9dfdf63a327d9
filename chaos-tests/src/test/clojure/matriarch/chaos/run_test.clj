(ns matriarch.chaos.run-test
  (:require [clojure.string :as str]
            [clojure.test :refer [deftest is]]
            [matriarch.chaos.histories :refer [history]]
            [matriarch.chaos.main :as main]
            [matriarch.chaos.report :as report]
            [matriarch.chaos.run :as run]
            [matriarch.chaos.workload :as workload]))

(defn- seen [node from to] [:watcher :info :seen {:node node :start "s" :writable true :from from :to to}])

(def ^:private overlapping [(seen "n1" 0 10) (seen "n2" 20 30) (seen "n1" 40 50) (seen "n2" 60 70)])

(def ^:private held [:watcher :info :holder {:node "n1" :timeline 1 :from 0 :to 1}])

(defn- judge [& ops]
  (run/check ((workload/workloads "set") {}) true
             (apply history (concat [held [0 :invoke :add 1] [0 :ok :add 1]] ops [[0 :invoke :read nil] [0 :ok :read [1]]]))))

(deftest two-primaries-are-excused-only-around-a-frozen-node
  (is (false? (:valid? (:primary (apply judge overlapping)))))
  (let [frozen-at (fn [time] (:primary (apply judge (concat [[:nemesis :info :freeze-node nil {:begins :freeze-node :id 1 :time time}]] overlapping))))]
    (is (true? (:valid? (frozen-at 0))))
    (is (= 1 (count (:excused (frozen-at 0)))))
    (is (false? (:valid? (frozen-at 35))) "it was frozen only later")))

(deftest without-a-last-read-nothing-is-certain
  (let [h (fn [type] (run/check ((workload/workloads "set") {}) true
                                (history held [0 :invoke :add 1] [0 :ok :add 1] [0 :invoke :read nil] [0 :ok :read [1]]
                                         [1 :invoke :read nil {:final true}] [1 type :read [1] {:final true}])))]
    (is (= :unknown (:valid? (h :fail))))
    (is (true? (:valid? (h :ok))))))

(deftest a-verdict-in-one-line
  (is (= "VALID: set under kill, mode quorum, seed 3; 1 writes, longest interruption 0.0 s"
         (main/verdict-line (judge) {:workload "set" :nemesis "kill" :mode "quorum" :seed 3})))
  (is (str/starts-with? (main/verdict-line (assoc-in (judge) [:valid?] false) {:workload "set"}) "INVALID: set")))

(deftest a-report-is-drawn-of-every-verdict
  (let [results (apply judge overlapping)
        html (report/html {:history (apply history (concat overlapping [[0 :invoke :add 1] [0 :ok :add 1]
                                                                        [:nemesis :info :loss [1] {:begins :loss :id 0}]
                                                                        [:nemesis :info :loss {:share "<"} {:id 0}]
                                                                        [:nemesis :info :loss nil {:ends :loss :id 0}]]))
                           :results results :nodes ["n1" "n2"] :verdict "INVALID" :replay "./chaos" :test {}})]
    (is (str/includes? html "n1 writable"))
    (is (str/includes? html "&lt;"))
    (is (= 3 (count (re-seq #"<svg" html))))))

(deftest the-command-line
  (is (= {:seconds 9 :workload "bank"} (select-keys (main/parse ["--time" "9" "--workload=bank"]) [:seconds :workload])))
  (is (= {:table "runs.edn" :from ["a" "b"]} (select-keys (main/parse ["--table" "runs.edn" "a" "b"]) [:table :from])))
  (doseq [wrong [["a"] ["--store" "x"] ["--store" "etcd3" "--system" "patroni" "--mode" "on"] ["--time" "x"] ["--time" "0"] ["--nodes" "4"] ["--workload" "x"] ["--nemesis" "x"] ["--nope"] ["--seed"]]]
    (is (string? (:error (main/parse wrong))) (str wrong))))
