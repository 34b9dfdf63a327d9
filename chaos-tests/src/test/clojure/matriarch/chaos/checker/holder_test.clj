(ns matriarch.chaos.checker.holder-test
  (:require [clojure.test :refer [deftest is]]
            [matriarch.chaos.checker.holder :as holder]
            [matriarch.chaos.histories :refer [history]]))

(defn- held
  ([node timeline from to] (held node timeline from to "primary"))
  ([node timeline from to role] [:watcher :info :holder {:node node :timeline timeline :role role :from from :to to}]))
(defn- proxied [from to & up] [:watcher :info :haproxy {:up (vec up) :from from :to to}])
(defn- check [& ops] (holder/check (constantly false) (apply history ops)))

(deftest the-lock-goes-from-one-to-the-next
  (is (true? (:valid? (check (held "n1" 1 0 1) (held "n1" 1 10 11) (held "n2" 2 20 21) (held "n1" 3 9000000000 9000000001))))))

(deftest whoever-lost-the-lock-does-not-say-that-it-holds-it
  (let [{:keys [valid? stale]} (check (held "n1" 1 0 1) (held "n2" 2 20 21) (held "n1" 1 22 23))]
    (is (false? valid?))
    (is (= 1 (count stale)))))

(deftest whoever-takes-the-lock-names-the-timeline-it-comes-from-until-it-is-promoted
  (let [before [(held "n2" 14 0 1) (held "n3" 15 20 21)]
        taken (held "n2" 14 3000000000 3000000001 "replica")]
    (is (true? (:valid? (apply check (conj before taken)))))
    (is (true? (:valid? (apply check (conj before taken (held "n2" 16 4000000000 4000000001))))))
    (is (true? (:valid? (apply check (conj before taken (held "n3" 17 9000000000 9000000001))))) "it died, and the other was promoted anew")
    (is (false? (:valid? (apply check (conj before taken (held "n3" 15 9000000000 9000000001))))) "the other was never replaced")))

(deftest answers-under-way-at-the-same-time-prove-nothing
  (is (true? (:valid? (check (held "n2" 2 20 25) (held "n1" 1 24 40))))))

(deftest a-late-answer-does-not-hide-a-newer-one
  (is (false? (:valid? (check (held "n3" 3 1 2) (held "n1" 1 0 50) (held "n2" 2 30 31))))))

(deftest the-lock-does-not-go-there-and-back-in-no-time
  (is (true? (:valid? (check (held "n1" 2 0 1) (held "n2" 2 20 21)))) "not promoted yet")
  (is (false? (:valid? (check (held "n1" 2 0 1) (held "n2" 2 20 21) (held "n1" 2 30 31)))))
  (is (true? (:valid? (check (held "n1" 2 0 1) (held "n2" 2 20 21) (held "n1" 2 2000000000 2000000001))))))

(deftest haproxy-sees-one-primary
  (let [one (held "n1" 1 0 1)]
    (is (true? (:valid? (check one (proxied 5 6 "n1") (proxied 7 8)))))
    (is (false? (:valid? (check one (proxied 5 6 "n1" "n2")))))
    (is (true? (:valid? (holder/check (fn [{:keys [from]}] (= 5 from)) (history one (proxied 5 6 "n1" "n2"))))) "excused")))

(deftest who-saw-nothing-knows-nothing
  (is (= :unknown (:valid? (check)))))
