(ns matriarch.chaos.client-test
  (:require [clojure.test :refer [deftest is]]
            [matriarch.chaos.client :as client])
  (:import (java.sql Connection SQLException)))

(deftest a-connection-that-is-given-up-is-aborted
  (let [aborted (atom false)]
    (client/close-quietly {:connection (reify Connection
                                         (abort [_ executor] (.execute executor #(reset! aborted true))))})
    (is @aborted)))

(deftest what-certainly-did-not-happen
  (is (client/refused? (SQLException. "read-only" "25006")))
  (is (not (client/refused? (SQLException. "terminated" "57P01"))))
  (is (not (client/refused? (SQLException. "gone" "08006")))))
