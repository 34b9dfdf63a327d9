(ns matriarch.chaos.ledger-test
  (:require [clojure.java.io :as io]
            [clojure.string :as str]
            [clojure.test :refer [deftest is]]
            [matriarch.chaos.histories :refer [history]]
            [matriarch.chaos.ledger :as ledger]))

(def ^:private options {:workload "set" :nemesis "kill,pause" :seed 3 :node-count 3 :mode "quorum" :seconds 3700 :system "matriarch" :out "x"})

(defn- entry [more]
  (ledger/entry (merge options more) {:valid? true :availability {:longest-interruption 2340000000 :faults [{:fault :loss :longest-interruption 2340000000}
                                                                                                             {:fault :loss :longest-interruption 90000000}]}}
                (history [0 :invoke :add 1] [0 :ok :add 1] [:nemesis :info :loss [1] {:begins :loss :id 0}]) ""))

(deftest a-run-is-a-line-that-can-be-read-again
  (let [file (java.io.File/createTempFile "ledger" ".edn")]
    (try
      (spit file "; a comment\n")
      (ledger/record! file (entry {}))
      (ledger/record! file (entry {:guard-off true}))
      (let [[one two] (ledger/entries file)]
        (is (= {:faults 1 :operations 1 :longest 2.3 :verdict "VALID" :seed 3} (select-keys one [:faults :operations :longest :verdict :seed])))
        (is (not (contains? one :out)))
        (is (= [false true] (map ledger/control? [one two]))))
      (finally (.delete file)))))

(deftest runs-of-other-lists-and-folders-are-added-once
  (let [dir (.toFile (java.nio.file.Files/createTempDirectory "ledger" (make-array java.nio.file.attribute.FileAttribute 0)))
        at (fn [& names] (apply io/file dir names))]
    (try
      (io/make-parents (at "runs" "a" "x"))
      (io/make-parents (at "runs" "b" "x"))
      (ledger/record! (at "list.edn") (entry {}))
      (ledger/record! (at "runs" "a" ledger/own-file) (entry {}))
      (ledger/record! (at "runs" "b" ledger/own-file) (entry {:seed 4 :store "etcd3"}))
      (ledger/record! (at "other.edn") (entry {:seed 5}))
      (is (= 2 (ledger/merge! (at "list.edn") [(at "runs") (at "other.edn")])))
      (is (= [3 4 5] (map :seed (ledger/entries (at "list.edn")))))
      (is (= 0 (ledger/merge! (at "list.edn") [(at "runs")])))
      (is (str/includes? ((ledger/tables (ledger/entries (at "list.edn"))) "runs") "| on etcd |"))
      (is (thrown? clojure.lang.ExceptionInfo (ledger/merge! (at "list.edn") [(at "nothing")])))
      (finally (run! io/delete-file (reverse (file-seq dir)))))))

(deftest controls-do-not-count-as-runs
  (let [tables (ledger/tables [(entry {}) (entry {:mode "off"}) (entry {:system "patroni" :mode "on"})])]
    (is (str/starts-with? (tables "runs") "1 runs, 1 h 01 min under faults in all, 1 operations; 1 of them valid."))
    (is (str/includes? (tables "controls") "Patroni 3.0"))
    (is (not (str/includes? (tables "controls") "| quorum |")))))

(deftest each-fault-has-its-interruptions
  (is (= {:loss [2.3 0.1]} (:interruptions (entry {}))))
  (is (str/includes? ((ledger/tables [(entry {}) (entry {:seed 4}) (entry {:mode "off"}) (entry {:store "etcd3"})]) "faults")
                     "| `loss` | 4 | 2.3 s | 2.3 s | 2.3 s |")))

(deftest only-what-is-between-the-marks-changes
  (let [file (java.io.File/createTempFile "ledger" ".edn") page (java.io.File/createTempFile "page" ".md")]
    (try
      (ledger/record! file (entry {}))
      (spit page "a\n<!-- controls -->\nold\n<!-- end of controls -->\nb\n<!-- faults -->\n<!-- end of faults -->\n<!-- runs -->\n<!-- end of runs -->\nc\n")
      (ledger/page! (str file) (str page))
      (let [text (slurp page)]
        (is (str/starts-with? text "a\n<!-- controls -->\n| workload"))
        (is (not (str/includes? text "old")))
        (is (str/includes? text "| set | kill, pause | 3 | 3 | quorum |"))
        (is (str/ends-with? text "<!-- end of runs -->\nc\n")))
      (finally (.delete file) (.delete page)))))
