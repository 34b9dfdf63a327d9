(ns matriarch.chaos.peers-test
  (:require [clojure.test :refer [deftest is]]
            [matriarch.chaos.checker.store-peers :as store-peers]
            [matriarch.chaos.cluster :as cluster]
            [matriarch.chaos.histories :refer [history]]
            [matriarch.chaos.peers :as peers]))

(def ^:private printed
  (str "Peer\tAddress\tRole\tLeader\tTerm\tCommit\tApplied\tContact ms\tFsync ms\tNote\n"
       "n1-a\t10.0.0.1:7000\tleader\tn1-a\t4\t70\t70\t\t0.1 / 0.2\t\n"
       "n2-b\t10.0.0.2:7000\tfollower\tn1-a\t4\t70\t70\t12\t0.1 / 0.2\t\n"))

(def ^:private wanted ["10.0.0.2:7000" "10.0.0.1:7000"])

(defn- seen [& changes] (apply update-in {:exit 0 :peers (peers/rows printed)} changes))

(deftest what-list-peers-prints-is-read
  (is (= [{:peer "n1-a" :address "10.0.0.1:7000" :role "leader" :leader "n1-a" :term "4" :note ""}] (take 1 (peers/rows printed))))
  (is (nil? (peers/rows "Error: nobody answers\n"))))

(deftest the-store-is-as-wanted-only-with-all-who-began
  (is (peers/as-wanted? wanted (seen [:exit] identity)))
  (is (not (peers/as-wanted? wanted (seen [:exit] inc))) "they disagree, or one is missing")
  (is (not (peers/as-wanted? wanted (seen [:peers] pop))))
  (is (not (peers/as-wanted? (pop wanted) (seen [:exit] identity))) "one too many")
  (is (not (peers/as-wanted? wanted (seen [:peers 1 :role] (constantly "follower (no vote)")))))
  (is (not (peers/as-wanted? wanted (seen [:peers 1 :role] (constantly "leader")))) "two leaders")
  (is (not (peers/as-wanted? wanted nil)) "nobody answered"))

(deftest who-waits-to-be-taken-in-is-missing
  (let [peers (:peers (seen [:exit] identity))
        waiting {:peer "n3" :address "10.0.0.3:7000" :role "forming" :leader "" :term "0" :note "is not a voter"}]
    (is (nil? (peers/next-change wanted peers)))
    (is (nil? (peers/next-change wanted (conj peers waiting))) "nobody wants it to have a vote")
    (is (= ["add-peer" "10.0.0.3:7000"] (peers/next-change (conj wanted "10.0.0.3:7000") (conj peers waiting))))
    (is (= ["add-peer" "10.0.0.3:7000"] (peers/next-change (conj wanted "10.0.0.3:7000") peers)))
    (is (= ["remove-peer" "10.0.0.1:7000" "--force"] (peers/next-change ["10.0.0.2:7000"] peers)))))

(defn- judged [& values]
  (:valid? (store-peers/check (apply history (map (fn [v] [:watcher :info :store-peers v]) values)))))

(deftest the-last-look-at-the-store-counts
  (is (true? (judged {:wanted wanted :as-wanted false} {:wanted wanted :as-wanted true})))
  (is (false? (judged {:wanted wanted :as-wanted true} {:wanted wanted :as-wanted false})))
  (is (= :unknown (judged))))

(deftest a-peer-that-is-not-there-need-not-be-removed
  (is (peers/done? {:exit 0 :said "Success"}))
  (is (peers/done? {:exit 1 :said "Failed: no peer of the store is called x; there are a, b"}))
  (is (not (peers/done? {:exit 1 :said "Failed: the store does not answer"})))
  (is (not (peers/done? {:exit -1 :said nil}))))

(deftest a-spare-is-present-only-once-it-has-joined
  (let [c {:nodes ["n1" "n2" "n3" "n4"] :spares ["n4"] :joined (atom #{})}]
    (is (= ["n1" "n2" "n3"] (cluster/core c) (cluster/present c)))
    (swap! (:joined c) conj "n4")
    (is (= ["n1" "n2" "n3"] (cluster/core c)))
    (is (= ["n1" "n2" "n3" "n4"] (cluster/present c)))
    (is (= ["n1"] (cluster/core {:nodes ["n1"]}) (cluster/present {:nodes ["n1"]})) "machines of the user's")))
