(ns matriarch.chaos.junit
  "Lets JUnit run clojure.test's tests one by one."
  (:require [clojure.test :as t]))

(defn- problems
  "Runs one test; what failed, as text, empty if nothing did."
  [test-var]
  (let [out (java.io.StringWriter.)]
    (binding [t/*report-counters* (ref t/*initial-report-counters*)
              t/*test-out* out]
      (t/test-vars [test-var])
      (let [{:keys [fail error pass]} @t/*report-counters*]
        (cond
          (pos? (+ fail error)) (str out)
          (zero? pass) "the test asserts nothing"
          :else "")))))

(defn tests
  "Name -> function without arguments that runs the test."
  [namespace-name]
  (into (sorted-map)
        (for [[sym v] (ns-interns (symbol namespace-name)) :when (:test (meta v))]
          [(str sym) #(problems v)])))
