(ns matriarch.chaos.history-test
  (:require [clojure.test :refer [deftest is]]
            [matriarch.chaos.histories :refer [history]]
            [matriarch.chaos.history :as h])
  (:import (java.nio.file Files)
           (java.nio.file.attribute FileAttribute)))

(deftest completions-find-their-invocations
  (is (= [[0 2] [1 3] [4 nil]]
         (map (fn [[a b]] [(:index a) (:index b)])
              (h/pairs (history [0 :invoke :add 1] [1 :invoke :add 2] [0 :ok :add 1] [1 :info :add 2] [2 :invoke :add 3]))))))

(deftest a-history-survives-its-file
  (let [file (.toFile (Files/createTempFile "history" ".edn" (make-array FileAttribute 0)))
        ops (history [0 :invoke :txn [[:append 1 2] [:r 3 nil]]] [0 :ok :txn [[:append 1 2] [:r 3 [4]]] {:server {:node "n1"}}]
                     [:nemesis :info :halves [["n1"] ["n2" "n3"]]])]
    (try
      (h/write-edn file ops)
      (is (= ops (h/read-edn file)))
      (finally (.delete file)))))

(deftest lines-begin-with-what-jepsen-reads
  (is (= "{:type :ok, :f :add, :value 1, :process 0, :time 5, :index 0, :server {:node \"n1\"}}"
         (h/line {:server {:node "n1"} :index 0 :time 5 :process 0 :value 1 :f :add :type :ok}))))
