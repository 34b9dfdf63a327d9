(ns matriarch.chaos.system-test
  (:require [clojure.string :as str]
            [clojure.test :refer [deftest is]]
            [matriarch.chaos.system :as system]))

(def ^:private place
  {:dir "/d" :home "/d/n1" :data "/d/n1/pg/data" :address "10.86.1.11" :name "n1" :peers (sorted-map "n1" "10.86.1.11" "n2" "10.86.1.12")
   :mode "on" :password "p" :subnet 1 :options {}})

(defn- config [name] (get ((:files (system/of name place))) "agent.yml"))

(defn- dcs [text] (second (re-find #"(?s)(bootstrap:.*?)\npostgresql:" text)))

(deftest both-are-given-the-same-settings
  (is (= (dcs (config "matriarch")) (dcs (config "patroni"))))
  (is (str/includes? (dcs (config "patroni")) "synchronous_mode: on")))

(deftest a-member-is-no-partner-of-itself
  (is (str/includes? (config "matriarch") "partner_addrs: [10.86.1.12:7000]"))
  (is (str/includes? (config "patroni") "hosts: ['10.86.1.11:2379', '10.86.1.12:2379']")))

(deftest our-agents-may-be-on-etcd
  (let [on-etcd (assoc place :options {:store "etcd3"})
        {:keys [services files daemon?]} (system/of "matriarch" on-etcd)
        text (get (files) "agent.yml")]
    (is (= [:store :agent] (map :role services)) "etcd is started first")
    (is (str/includes? text "etcd3:\n  hosts: ['10.86.1.11:2379', '10.86.1.12:2379']"))
    (is (str/includes? text "ttl: 20\n"))
    (is (not (str/includes? text "raft:")))
    (is (daemon? :store "/usr/bin/etcd --name n1"))
    (is (= [:agent] (map :role (:services (system/of "matriarch" place)))))))

(deftest a-node-that-comes-later-has-all-others-for-partners
  (is (str/includes? (get ((:files (system/of "matriarch" (assoc place :name "n3" :address "10.86.1.13")))) "agent.yml")
                     "partner_addrs: [10.86.1.11:7000, 10.86.1.12:7000]")))

(deftest daemons-are-told-apart
  (let [{:keys [daemon?]} (system/of "patroni" place)]
    (is (daemon? :agent "python3 /usr/bin/patroni /d/n1/agent.yml"))
    (is (daemon? :store "/usr/bin/etcd --name n1"))
    (is (not (daemon? :store "/usr/lib/postgresql/15/bin/postgres -D /d/etcd ")))))

(deftest a-clock-of-ones-own-is-only-for-those-who-asked
  (let [words (fn [options] (map str (:command (first (:services (system/of "matriarch" (assoc place :options options)))))))]
    (is (not-any? #(str/starts-with? % "LD_PRELOAD") (words {})))
    (is (some #{"LD_PRELOAD=/lib/ft.so"} (words {:faketime "/lib/ft.so"})))))
