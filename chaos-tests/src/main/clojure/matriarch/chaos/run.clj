(ns matriarch.chaos.run
  "One run: threads of clients, one of the nemesis, one watcher for each node, and one history that all write to."
  (:refer-clojure :exclude [run!])
  (:require [matriarch.chaos.checker :as checker]
            [matriarch.chaos.checker.availability :as availability]
            [matriarch.chaos.checker.holder :as holder]
            [matriarch.chaos.checker.primary :as primary]
            [matriarch.chaos.checker.store-peers :as store-peers]
            [matriarch.chaos.client :as client]
            [matriarch.chaos.cluster :as cluster]
            [matriarch.chaos.haproxy :as haproxy]
            [matriarch.chaos.history :as h]
            [matriarch.chaos.nemesis :as nemesis]
            [matriarch.chaos.peers :as peers])
  (:import (java.sql SQLException)
           (java.util ArrayList Random)))

;; ---------------------------------------------------------------- the history

(defn recorder [] {:ops (ArrayList.) :origin (System/nanoTime)})

(defn- now [{:keys [origin]}] (- (System/nanoTime) origin))

(defn record!
  "Adds an operation with its time. Index and time are in the same order, as the checkers expect."
  [{:keys [^ArrayList ops] :as recorder} op]
  (locking ops
    (.add ops (assoc op :time (now recorder) :index (.size ops)))
    nil))

(defn history [{:keys [^ArrayList ops]}] (locking ops (vec ops)))

;; ---------------------------------------------------------------- clients

(defn- disconnect [workload connection] (when-not (:on-store workload) (client/close-quietly connection)))

(defn complete
  "Invokes one operation; its completion. The connection is closed unless the operation ended well."
  [c workload connection op]
  (let [opened (try
                 (or @connection (reset! connection (if (:on-store workload) {:connection c} (client/connect c))))
                 (catch SQLException e
                   {:error (str (.getSQLState e))}))]
    (if (:error opened)
      (assoc op :type :fail :error [:no-connection (:error opened)])
      (let [give-up (fn [] (disconnect workload @connection) (reset! connection nil))]
        (try
          (merge op ((:invoke workload) (:connection opened) op) (select-keys opened [:server]))
          (catch SQLException e
            (give-up)
            (assoc op :type (if (client/refused? e) :fail :info) :error [(.getSQLState e) (first (.split (str (.getMessage e)) "\n"))]
                   :server (:server opened)))
          (catch clojure.lang.ExceptionInfo e
            (give-up)
            (if (:unknown (ex-data e))
              (assoc op :type :info :error [:not-replicated] :server (:server opened))
              (throw e))))))))

(defn- client-thread
  "Operations one after another until the time is over. After an unknown outcome the process is dead, and a new one begins."
  [{:keys [c workload recorder rate clients running? seed]} number]
  (future
    (let [random (Random. (+ (* 1000003 seed) number))
          connection (atom nil)]
      (try
        (loop [process number]
          (when @running?
            (let [op (assoc (locking workload ((:next workload) random)) :process process)
                  _ (record! recorder (assoc op :type :invoke))
                  done (complete c workload connection op)]
              (record! recorder done)
              (when (and (= :info (:type done)) (:unknown workload)) ((:unknown workload) op))
              (Thread/sleep (long (if (= :no-connection (first (when (vector? (:error done)) (:error done))))
                                    200
                                    (.nextInt random (int (max 1 (quot 2000 rate)))))))
              (recur (if (= :info (:type done)) (+ process clients) process)))))
        (finally (disconnect workload @connection))))))

;; ---------------------------------------------------------------- the watcher

(defn- watcher-thread
  "Asks one node again and again whether it takes writes. What it says is recorded when it does."
  [{:keys [c recorder running?]} node]
  (future
    (let [connection (atom nil)]
      (while @running?
        (let [from (now recorder)]
          (try
            (when-not @connection (reset! connection (client/connect-to-one c node)))
            (let [[recovery start] (first (client/query @connection "select pg_is_in_recovery(), pg_postmaster_start_time()::text"))]
              (when-not recovery
                (record! recorder {:process :watcher :type :info :f :seen
                                   :value {:node node :start start :writable true :from from :to (now recorder)}})))
            (catch SQLException _
              (client/close-quietly {:connection @connection})
              (reset! connection nil))))
        (Thread/sleep 250))
      (client/close-quietly {:connection @connection}))))

(defn- holder-thread
  "Asks one agent again and again whether it holds the leader lock, as a load balancer does, and on which timeline."
  [{:keys [c recorder running?]} node]
  (future
    (while @running?
      (let [from (now recorder)
            held (cluster/holds-lock c node)]
        (when held
          (record! recorder {:process :watcher :type :info :f :holder :value (assoc held :node node :from from :to (now recorder))})))
      (Thread/sleep 250))))

(defn- haproxy-thread [{:keys [c recorder running?]}]
  (future
    (while @running?
      (let [from (now recorder)]
        (try
          (let [up (haproxy/up c)]
            (record! recorder {:process :watcher :type :info :f :haproxy :value {:up up :from from :to (now recorder)}}))
          (catch java.io.IOException _ nil)))
      (Thread/sleep 100))))

;; ---------------------------------------------------------------- the nemesis

(defn- nemesis-thread [{:keys [c recorder running? schedule say]} start]
  (future
    (let [begun (atom {})
          late? (fn [at] (< (+ at 5000) (quot (- (System/nanoTime) start) 1000000)))]
      (doseq [{:keys [at do id fault dice]} schedule
              ;; Where commands take long, what would come too late does not come at all.
              :when (case do :begin (not (late? at)) :end (@begun id))]
        (loop []
          (let [left (- at (quot (- (System/nanoTime) start) 1000000))]
            (when (and (pos? left) @running?)
              (Thread/sleep (long (min left 200)))
              (recur))))
        (when @running?
          (try
            (case do
              :begin (do (record! recorder {:process :nemesis :type :info :f fault :begins fault :id id :value dice})
                         (say (format "%6.1f s  %s" (/ (now recorder) 1e9) (name fault)))
                         (let [b (nemesis/begin! c fault dice)]
                           (swap! begun assoc id (assoc b :fault fault))
                           (record! recorder {:process :nemesis :type :info :f fault :id id :value (:value b)})))
              :end (do (let [b (@begun id)]
                         (swap! begun dissoc id)
                         (let [value (nemesis/end! c fault b (map :fault (vals @begun)))]
                           (record! recorder {:process :nemesis :type :info :f fault :ends fault :id id :value value})))))
            (catch Exception e
              (record! recorder {:process :nemesis :type :info :f fault :id id (case do :begin :failed :end :ends) fault
                                 :error (str e)})
              (say (str "the nemesis failed at " (name fault) ": " e)))))))))

;; ---------------------------------------------------------------- begin and end

(defn- set-up! [c {:keys [setup]}]
  (let [statements (atom (concat (when (:hosts (:net c))
                                 ;; An earlier run may have left them.
                                 (for [table (keep #(second (re-find #"^create table (\S+)" %)) setup)] (str "drop table if exists " table)))
                               setup))]
    (when-not (cluster/await-true
               60
               (fn []
                 (try
                   (let [opened (client/connect c)]
                     (try
                       (while (seq @statements)
                         (client/update! (:connection opened) (first @statements))
                         (swap! statements rest))
                       true
                       (finally (client/close-quietly opened))))
                   (catch SQLException _ false))))
      (throw (ex-info "the tables could not be made" {})))))

(defn- final-reads! [c {:keys [final] :as workload} recorder process]
  (doseq [op (if (fn? final) (final) final)]
    (loop [tries 20 process process]
      (let [connection (atom nil)
            op (assoc op :process process :final true)]
        (record! recorder (assoc op :type :invoke))
        (let [done (complete c workload connection op)]
          (disconnect workload @connection)
          (record! recorder done)
          (when (and (not= :ok (:type done)) (pos? tries))
            (Thread/sleep 1000)
            (recur (dec tries) (inc process))))))))

(defn- unfenced
  "[from to] of faults during which no fence is promised: a host that is frozen as a whole, and maintenance; each with the
   time that the fences take afterwards."
  [history]
  (let [end-of (into {} (keep (fn [op] (when (:ends op) [(:id op) (:time op)]))) history)]
    (for [op history
          :when (#{:freeze-node :freeze-leader-node :maintenance} (:begins op))]
      [(:time op) (+ 5000000000 (get end-of (:id op) (:time (peek history))))])))

(defn- last-reads
  "Without a read at the end nobody can say that nothing was lost."
  [history]
  (let [asked (distinct (map :f (filter :final history)))
        read (set (map :f (filter #(and (:final %) (h/ok? %)) history)))]
    {:valid? (if (every? read asked) true :unknown) :read (vec read)}))

(defn- watch-peers!
  "Records who is in the built-in store, once that is as it should be or so many seconds have passed."
  [c recorder seconds]
  (when (peers/built-in? c)
    (let [wanted (mapv #(peers/address c %) (cluster/core c))
          seen (atom nil)
          right? (cluster/await-true seconds #(peers/as-wanted? wanted (reset! seen (peers/listed c))))]
      (record! recorder {:process :watcher :type :info :f :store-peers :value {:wanted wanted :as-wanted right? :seen @seen}}))))

(defn check
  "The verdict on a history."
  [workload recovered? history]
  (let [spans (unfenced history)
        excused (fn [{:keys [from to]}] (boolean (some (fn [[a b]] (<= a from to b)) spans)))]
    (checker/compose
     (merge (:checkers workload)
            {:last-reads last-reads
             :primary (partial primary/check excused)
             :holder (partial holder/check excused)
             :availability (partial availability/check (:write? workload) recovered?)}
            (when (some #(= :store-peers (:f %)) history) {:store-peers store-peers/check}))
     history)))

(defn run!
  "c: a cluster whose agents were started. options: :seconds :clients :rate (operations a second of each client) :seed
   :schedule. Returns {:history :results :recovered-after seconds}."
  [c workload {:keys [seconds clients rate seed schedule say settle] :as options}]
  (say "Waiting for the cluster.")
  (when-not (cluster/await-true 240 #(cluster/whole? c))
    (throw (ex-info (str "the cluster is not whole after 240 s: " (vec (cluster/members c))) {})))
  (set-up! c workload)
  (let [recorder (recorder)
        running? (atom true)
        world (assoc options :c c :workload workload :recorder recorder :running? running?)
        watching? (atom true)
        watched (assoc world :running? watching?)
        watchers (into (if (:door c) [(haproxy-thread watched)] [])
                       (mapcat (fn [n] [(watcher-thread watched n) (holder-thread watched n)]) (:nodes c)))
        start (System/nanoTime)
        threads (mapv #(client-thread world %) (range clients))
        nemesis (nemesis-thread world start)]
    (loop []
      (let [left (- (* seconds 1000) (quot (- (System/nanoTime) start) 1000000))]
        (when (and (pos? left) (not @(:closed c)))
          (Thread/sleep (long (min left 200)))
          (recur))))
    (when @(:closed c) (throw (ex-info "ended before its time" {})))
    (say (format "%6.1f s  everything is healed" (/ (now recorder) 1e9)))
    (deref nemesis 60000 nil)
    (record! recorder {:process :nemesis :type :info :f :heal :value (nemesis/heal! c)})
    (let [healed (System/nanoTime)
          recovered? (cluster/await-true settle #(cluster/whole? c))
          after (/ (- (System/nanoTime) healed) 1e9)]
      ;; A moment of ordinary operation, so that the last interruption has an end.
      (let [peers (future (watch-peers! c recorder (if recovered? settle 5)))]
        (Thread/sleep 2000)
        @peers)
      (reset! running? false)
      (doseq [t threads] (deref t 30000 nil))
      (say (format "%6.1f s  %s; the last reads" (/ (now recorder) 1e9)
                   (if recovered? (format "whole again after %.1f s" after) "NOT whole again")))
      (final-reads! c workload recorder (+ 1000000 clients))
      (reset! watching? false)
      (doseq [w watchers] (deref w 10000 nil))
      (let [history (history recorder)]
        {:history history
         :recovered-after (when recovered? after)
         :results (check workload recovered? history)}))))
