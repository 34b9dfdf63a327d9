(ns matriarch.chaos.workload
  "What clients do. A workload is a map:
     :setup     statements to begin with
     :next      function of a random source: the next {:f :value}, called by one thread at a time
     :invoke    function of connection and operation: the completed operation's {:type :value}
     :final     operations to end with
     :write?    whether an operation counts as a write for availability
     :checkers  name -> function of the history
     :on-store  works on the agents' store, through their REST API: :invoke gets the cluster instead of a connection"
  (:require [matriarch.chaos.checker.append :as append]
            [matriarch.chaos.checker.bank :as bank]
            [matriarch.chaos.checker.counter :as counter]
            [matriarch.chaos.checker.grow-set :as grow-set]
            [matriarch.chaos.checker.linear :as linear]
            [matriarch.chaos.client :as client]
            [matriarch.chaos.cluster :as cluster])
  (:import (java.util Random)))

(defn- ok ([] {:type :ok}) ([value] {:type :ok :value value}))

(defn- grow-set [_]
  (let [n (atom 0)]
    {:setup ["create table chaos_set (v bigint not null)"]
     :next (fn [_] {:f :add :value (swap! n inc)})
     :invoke (fn [c {:keys [f value]}]
               (case f
                 :add (do (client/update! c "insert into chaos_set values (?)" value) (ok))
                 :read (ok (mapv first (client/query c "select v from chaos_set")))))
     :final [{:f :read :value nil}]
     :write? #(= :add (:f %))
     :checkers {:set grow-set/check}}))

(def ^:private active-keys 5)
(def ^:private appends-each 60)

(defn- append-workload [{:keys [barrier]}]
  (let [;; key -> next element; the active keys are the last few.
        state (atom {:next-key active-keys :active (vec (range active-keys)) :counts {}})
        append! (fn [^Random random]
                  (let [slot (.nextInt random (int active-keys))
                        after (swap! state (fn [{:keys [active counts next-key] :as s}]
                                             (let [k (active slot)
                                                   n (inc (get counts k 0))]
                                               (cond-> (assoc s :made [k n] :counts (assoc counts k n))
                                                 (<= appends-each n) (assoc :active (assoc active slot next-key) :next-key (inc next-key))))))]
                    (into [:append] (:made after))))
        read! (fn [^Random random] [:r ((:active @state) (.nextInt random (int active-keys))) nil])]
    {:setup ["create table chaos_append (k int primary key, vs int[] not null)"]
     :next (fn [^Random random]
             {:f :txn
              :value (vec (repeatedly (inc (.nextInt random 4)) #(if (.nextBoolean random) (append! random) (read! random))))})
     :invoke (fn [c {:keys [value]}]
               (ok (client/transaction
                    c :serializable
                    (fn []
                      (let [done (mapv (fn [[f k v]]
                                         (case f
                                           :append (do (client/update! c (str "insert into chaos_append values (?, array[?]) on conflict (k)"
                                                                              " do update set vs = chaos_append.vs || excluded.vs")
                                                                       (int k) (int v))
                                                       [f k v])
                                           :r [f k (ffirst (client/query c "select vs from chaos_append where k = ?" (int k)))]))
                                       value)]
                        (when (and barrier (every? #(= :r (first %)) value)) (client/barrier c))
                        done)))))
     :final (fn [] [{:f :txn :value (mapv (fn [k] [:r k nil]) (range (:next-key @state)))}])
     :write? #(and (= :txn (:f %)) (some (fn [[f]] (= :append f)) (:value %)))
     :checkers {:append append/check}}))

(defn- register [{:keys [barrier]}]
  (let [state (atom {:key 0 :used 0})]
    {:setup ["create table chaos_register (k int primary key, v int)"]
     :next (fn [^Random random]
             (let [k (:key (swap! state (fn [{:keys [key used]}]
                                          (if (<= 80 used) {:key (inc key) :used 1} {:key key :used (inc used)}))))]
               (case (.nextInt random 3)
                 0 {:f :read :value [k nil]}
                 1 {:f :write :value [k (.nextInt random 5)]}
                 2 {:f :cas :value [k [(.nextInt random 5) (.nextInt random 5)]]})))
     ;; Many unknown outcomes on one register would make the search long.
     :unknown (fn [{[k] :value}]
                (swap! state (fn [s] (if (= k (:key s)) (update s :used + 8) s))))
     :invoke (fn [c {:keys [f value]}]
               (let [[k v] value]
                 (case f
                   :read (ok (client/transaction
                              c :read-committed
                              (fn []
                                (let [seen (ffirst (client/query c "select v from chaos_register where k = ?" (int k)))]
                                  (when barrier (client/barrier c))
                                  [k seen]))))
                   :write (do (client/update! c (str "insert into chaos_register values (?, ?) on conflict (k)"
                                                     " do update set v = excluded.v") (int k) (int v))
                              (ok))
                   :cas (let [[old new] v]
                          (if (= 1 (client/update! c "update chaos_register set v = ? where k = ? and v = ?" (int new) (int k) (int old)))
                            (ok)
                            {:type :fail :error :other-value})))))
     :final []
     :write? #(#{:write :cas} (:f %))
     :checkers {:register (partial linear/check-keys nil 300000)}}))

(def ^:private accounts (range 6))
(def ^:private riches 60)

(defn- bank-workload [{:keys [barrier]}]
  {:setup ["create table chaos_bank (account int primary key, balance int not null)"
           (str "insert into chaos_bank select a, " (quot riches (count accounts)) " from generate_series(0, " (dec (count accounts)) ") a")]
   :next (fn [^Random random]
           (if (zero? (.nextInt random 3))
             {:f :read :value nil}
             (let [from (.nextInt random (count accounts))
                   to (mod (+ from 1 (.nextInt random (dec (count accounts)))) (count accounts))]
               {:f :transfer :value {:from from :to to :amount (inc (.nextInt random 5))}})))
   :invoke (fn [c {:keys [f value]}]
             (case f
               :read (ok (client/transaction
                          c :serializable
                          (fn []
                            (let [seen (into {} (client/query c "select account, balance from chaos_bank"))]
                              (when barrier (client/barrier c))
                              seen))))
               :transfer (let [{:keys [from to amount]} value
                               balance (fn [a] (ffirst (client/query c "select balance from chaos_bank where account = ?" (int a))))
                               write! (fn [a b] (client/update! c "update chaos_bank set balance = ? where account = ?" (int b) (int a)))]
                           (client/transaction
                            c :serializable
                            (fn []
                              (let [has (balance from) other (balance to)]
                                (if (< has amount)
                                  {:type :fail :error :too-poor}
                                  (do (write! from (- has amount))
                                      (write! to (+ other amount))
                                      (ok)))))))))
   :final [{:f :read :value nil}]
   :write? #(= :transfer (:f %))
   :checkers {:bank (partial bank/check accounts riches)}})

(defn- counter-workload [{:keys [barrier]}]
  {:setup ["create table chaos_counter (n bigint not null)" "insert into chaos_counter values (0)"]
   :next (fn [^Random random]
           (if (zero? (.nextInt random 3))
             {:f :read :value nil}
             {:f :add :value (- (.nextInt random 8) 2)}))
   :invoke (fn [c {:keys [f value]}]
             (case f
               :add (do (client/update! c "update chaos_counter set n = n + ?" (int value)) (ok))
               :read (ok (client/transaction
                          c :read-committed
                          (fn []
                            (let [n (ffirst (client/query c "select n from chaos_counter"))]
                              (when barrier (client/barrier c))
                              n))))))
   :final [{:f :read :value nil}]
   :write? #(= :add (:f %))
   :checkers {:counter counter/check}})

;; ---------------------------------------------------------------- on the store itself

(defn- patch!
  "Changes the cluster's configuration through a node; the completion's :type, and the whole configuration as it was written.
   The agent reads, merges and writes only if nobody else wrote since, so a change that is answered with 200 is one moment for all
   registers. 409: somebody else was faster, nothing was written. Where the agent could not tell: unknown."
  [c node patch]
  (let [{:keys [status body] :as reply} (cluster/request c node "PATCH" "/config" patch 5)]
    (cond
      (nil? reply) {:type :info :error :no-answer}
      (= 200 status) {:type :ok :config body}
      (#{400 409 503} status) {:type :fail :error [:status status]}
      :else {:type :info :error [:status status]})))

(defn- parameter [name value] (str "{\"postgresql\":{\"parameters\":{\"" name "\":" value "}}}"))

(defn- store-register
  "Registers in the cluster's configuration. Every value is written once, and a read writes something else: PATCH answers with what
   the store holds, while GET may answer from a copy that is a little old."
  [_]
  (let [state (atom {:key 0 :used 0 :n 0})]
    {:setup []
     :on-store true
     :next (fn [^Random random]
             (let [{k :key v :n} (swap! state (fn [{:keys [key used n]}]
                                                (if (<= 60 used) {:key (inc key) :used 1 :n (inc n)} {:key key :used (inc used) :n (inc n)})))]
               ;; :via is a die for the node, :stamp makes reads differ.
               (assoc (if (.nextBoolean random) {:f :write :value [k v]} {:f :read :value [k nil] :stamp v})
                      :via (.nextInt random 1000))))
     ;; Many unknown outcomes on one register would make the search long.
     :unknown (fn [{[k] :value}]
                (swap! state (fn [s] (if (= k (:key s)) (update s :used + 8) s))))
     :invoke (fn [c {:keys [f value via stamp]}]
               (let [[k v] value
                     {:keys [type config error]} (patch! c (nth (:nodes c) (mod (or via 0) (count (:nodes c))))
                                                         (case f
                                                           :write (parameter (str "chaos.register" k) (str "\"" v "\""))
                                                           :read (parameter (str "chaos.stamp") (str "\"" stamp "\""))))]
                 (cond-> {:type type}
                   error (assoc :error error)
                   (and (= :ok type) (= :read f)) (assoc :value [k (some-> (re-find (re-pattern (str "\"chaos\\.register" k "\": ?\"(\\d+)\"")) config)
                                                                           second parse-long)]))))
     :final (fn [] (vec (for [k (range (inc (:key @state)))] {:f :read :value [k nil] :stamp (str "last" k)})))
     :write? #(= :write (:f %))
     :checkers {:register (partial linear/check-keys nil 300000)}}))

(def workloads
  {"store-register" store-register "set" grow-set "append" append-workload "register" register "bank" bank-workload "counter" counter-workload})
