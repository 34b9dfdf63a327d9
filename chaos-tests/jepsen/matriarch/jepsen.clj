(ns matriarch.jepsen
  "The suite's workloads and checkers under Jepsen itself, against a cluster that runs on machines of your own as the service
   matriarch:

     MATRIARCH_PASSWORD=... clojure -M:jepsen test --workload-name append --node 10.0.0.1 --node 10.0.0.2 --node 10.0.0.3 --time-limit 300

   Jepsen logs in with SSH, cuts the network, kills and pauses; nothing is installed and nothing removed."
  (:require [jepsen.checker :as checker]
            [jepsen.cli :as cli]
            [jepsen.client :as client]
            [jepsen.control :as control]
            [jepsen.db :as db]
            [jepsen.generator :as gen]
            [jepsen.nemesis.combined :as combined]
            [jepsen.tests :as tests]
            [jepsen.tests.cycle.append :as append]
            [matriarch.chaos.client :as sql]
            [matriarch.chaos.run :as run]
            [matriarch.chaos.workload :as workload])
  (:import (java.sql SQLException)
           (java.util Random)))

(def ^:private data-dir (or (System/getenv "MATRIARCH_DATA_DIR") "/var/lib/matriarch/data"))

(defn- signal! [name]
  ;; The agent, and the postmaster by its own file; nobody has to be there.
  (control/su
   (control/exec :sh :-c (str "pkill -" name " -f dev.matriarch.agent.Matriarch; kill -" name " $(head -n 1 " data-dir "/postmaster.pid); true"))))

(defn- service
  "Kill and Pause hit the agent and the postmaster together."
  []
  (reify
    db/DB
    (setup! [_ _ _] nil)
    (teardown! [_ _ _] nil)
    db/Kill
    (kill! [_ _ _] (signal! "KILL"))
    (start! [_ _ _] (control/su (control/exec :systemctl :start :matriarch)))
    db/Pause
    (pause! [_ _ _] (signal! "STOP"))
    (resume! [_ _ _] (signal! "CONT"))))

(defn- cluster [test]
  {:nodes (:nodes test)
   :net {:addresses (zipmap (:nodes test) (:nodes test))}
   :password (System/getenv "MATRIARCH_PASSWORD")})

(defrecord Client [workload connection]
  client/Client
  (open! [this _ _] (assoc this :connection (atom nil)))
  (setup! [_ test]
    ;; Every client calls this; the first one makes the tables.
    (locking workload
      (when-not (realized? (:made workload))
        (let [opened (sql/connect (cluster test))]
          (try
            (doseq [statement (:setup workload)] (sql/update! (:connection opened) statement))
            (deliver (:made workload) true)
            (catch SQLException e (throw (ex-info "the tables could not be made" {} e)))
            (finally (sql/close-quietly opened)))))))
  (invoke! [_ test op]
    (let [done (run/complete (cluster test) workload connection op)]
      (when (and (= :info (:type done)) (:unknown workload)) ((:unknown workload) op))
      done))
  (teardown! [_ _])
  (close! [_ _] (sql/close-quietly @connection)))

(defn- ours [check]
  (reify checker/Checker
    (check [_ _ history _] (check (mapv #(into {} %) history)))))

(defn matriarch-test [{:keys [workload-name rate interval faults] :as opts}]
  (let [workload (assoc ((workload/workloads workload-name) {:barrier true}) :made (promise))
        random (Random.)
        database (service)
        {:keys [nemesis generator final-generator perf]}
        (combined/nemesis-package {:db database :nodes (:nodes opts) :faults faults :interval interval})]
    (merge tests/noop-test
           opts
           {:name (str "matriarch " workload-name)
            :db database
            :client (->Client workload nil)
            :nemesis nemesis
            :checker (checker/compose
                      (merge {:perf (checker/perf {:nemeses perf})
                              :stats (checker/stats)}
                             (update-vals (:checkers workload) ours)
                             (when (= "append" workload-name)
                               {:elle (append/checker {:consistency-models [:strict-serializable]})})))
            :generator (gen/phases
                        (->> (fn [] (locking workload ((:next workload) random)))
                             (gen/stagger (/ 1 rate))
                             (gen/nemesis generator)
                             (gen/time-limit (:time-limit opts)))
                        (gen/nemesis final-generator)
                        (gen/sleep 60)
                        ;; What is to be read at the end is known only then.
                        (gen/clients (delay (let [f (:final workload)] (vec (if (fn? f) (f) f))))))})))

(def ^:private options
  [[nil "--workload-name NAME" "set, append, register, bank or counter" :default "set"
    :validate [(fn [n] (and (workload/workloads n) (not (:on-store ((workload/workloads n) {}))))) "no such workload"]]
   [nil "--rate HZ" "operations a second in all" :default 50 :parse-fn parse-long :validate [pos? "positive"]]
   [nil "--interval SECONDS" "between faults" :default 15 :parse-fn parse-long :validate [pos? "positive"]]
   [nil "--faults NAMES" "of partition, kill, pause" :default #{:partition :kill :pause}
    :parse-fn (fn [text] (set (map keyword (.split ^String text ","))))
    :validate [(fn [names] (every? #{:partition :kill :pause} names)) "partition, kill, pause"]]])

(defn -main [& arguments]
  (cli/run! (merge (cli/single-test-cmd {:test-fn matriarch-test :opt-spec options})
                   (cli/serve-cmd))
            arguments))
