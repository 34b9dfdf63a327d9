(ns matriarch.chaos.history
  "Histories as Jepsen writes them: maps {:process :type :f :value :time :index}, in the order in which they happened.
   :type is :invoke, then one of :ok (it happened), :fail (it did not happen), :info (nobody knows). :time is in
   nanoseconds since the run began, monotonic. A process that got :info never comes back; its thread goes on under a new
   number. Operations of :nemesis and :watcher are :info and have no partner."
  (:require [clojure.edn :as edn]
            [clojure.java.io])
  (:import (java.io PushbackReader)))

(defn invoke? [op] (= :invoke (:type op)))
(defn ok? [op] (= :ok (:type op)))
(defn fail? [op] (= :fail (:type op)))
(defn info? [op] (= :info (:type op)))
(defn client? [op] (integer? (:process op)))

(defn index
  "Numbers the operations from zero, in their order."
  [history]
  (vec (map-indexed (fn [i op] (assoc op :index i)) history)))

(defn pairs
  "[invocation completion] of every client operation, in the order of invocations; completion is nil where the run ended
   before it came."
  [history]
  (let [history (filterv client? history)
        open (java.util.HashMap.)
        found (java.util.ArrayList.)]
    (doseq [op history]
      (if (invoke? op)
        (let [slot (.size found)]
          (when (.containsKey open (:process op))
            (throw (IllegalArgumentException. (str "process " (:process op) " has two operations at once at " (:index op)))))
          (.put open (:process op) slot)
          (.add found [op nil]))
        (if-let [slot (.remove open (:process op))]
          (.set found slot [(first (.get found slot)) op])
          (throw (IllegalArgumentException. (str "completion without invocation: " (pr-str op)))))))
    (vec found)))

(defn outcome
  "What became of a pair: :ok, :fail or :info."
  [[_ completion]]
  (if completion (:type completion) :info))

(defn line
  "One operation as one line of history.edn: first the keys that Jepsen's own tools read."
  [op]
  (let [first-keys [:type :f :value :process :time :index]
        text (fn [ks] (map (fn [k] (str (pr-str k) " " (pr-str (get op k)))) ks))
        more (sort-by str (remove (set first-keys) (keys op)))]
    (str "{" (apply str (interpose ", " (concat (text first-keys) (text more)))) "}")))

(defn write-edn [file history]
  (with-open [out (clojure.java.io/writer file)]
    (doseq [op history]
      (.write out ^String (line op))
      (.write out "\n"))))

(defn read-edn [file]
  (with-open [in (PushbackReader. (clojure.java.io/reader file))]
    (vec (take-while some? (repeatedly #(edn/read {:eof nil :default (fn [_ v] v)} in))))))
