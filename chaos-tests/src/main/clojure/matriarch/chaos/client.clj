(ns matriarch.chaos.client
  "Clients as an application has them: pgjdbc with all hosts, which looks for the primary itself.

   No statement time-out and no cancel is used: PostgreSQL answers a cancel during the wait for a standby with a mere warning
   and success, though the commit is on the primary alone. Instead the socket has a deadline, after which the outcome is
   unknown; a commit that came with such a warning has an unknown outcome, too."
  (:require [clojure.string :as str]
            [matriarch.chaos.cluster :as cluster]
            [matriarch.chaos.net :as net])
  (:import (java.sql Connection DriverManager SQLException)
           (java.util Properties)
           (java.util.concurrent Executor)))

(defn- properties [{:keys [password]} more]
  (let [p (Properties.)]
    (doseq [[k v] (merge {"user" "postgres" "password" password "connectTimeout" "2" "loginTimeout" "5" "socketTimeout" "10"
                          "ApplicationName" "chaos" "prepareThreshold" "0"}
                         more)]
      (.setProperty p k v))
    p))

(defn query
  "All rows, as vectors."
  [^Connection connection sql & arguments]
  (with-open [s (.prepareStatement connection sql)]
    (dorun (map-indexed (fn [i a] (.setObject s (inc i) a)) arguments))
    (with-open [rows (.executeQuery s)]
      (let [width (.getColumnCount (.getMetaData rows))]
        (loop [found []]
          (if (.next rows)
            (recur (conj found (mapv #(let [v (.getObject rows (int (inc %)))]
                                        (if (instance? java.sql.Array v) (vec (.getArray ^java.sql.Array v)) v))
                                     (range width))))
            found))))))

(defn- not-replicated! [warning]
  (loop [w warning]
    (when w
      (when (str/includes? (str (.getMessage ^java.sql.SQLWarning w)) "synchronous replication")
        (throw (ex-info "the commit was not waited for" {:unknown true})))
      (recur (.getNextWarning ^java.sql.SQLWarning w)))))

(defn update!
  "The number of rows. Throws if a commit within it was not waited for."
  [^Connection connection sql & arguments]
  (with-open [s (.prepareStatement connection sql)]
    (dorun (map-indexed (fn [i a] (.setObject s (inc i) a)) arguments))
    (let [n (.executeUpdate s)]
      (not-replicated! (.getWarnings s))
      n)))

(defn transaction
  "f within one transaction. A failure leaves the connection unusable: the caller closes it."
  [^Connection connection isolation f]
  (.setAutoCommit connection false)
  (.setTransactionIsolation connection (case isolation
                                         :serializable Connection/TRANSACTION_SERIALIZABLE
                                         :read-committed Connection/TRANSACTION_READ_COMMITTED))
  (let [result (f)]
    (.clearWarnings connection)
    (.commit connection)
    (not-replicated! (.getWarnings connection))
    (.setAutoCommit connection true)
    result))

(defn barrier
  "Makes a reading transaction write to the WAL, so that its commit waits until everything that it has seen is on a standby,
   too. PostgreSQL shows a commit to others once the wait for a standby was broken off, which a crash or a lost client does."
  [connection]
  (query connection "select pg_logical_emit_message(true, 'chaos', '')"))

(defn connect-to-one
  "A connection to exactly this node, whatever its role."
  ^Connection [{:keys [net] :as cluster} node]
  (DriverManager/getConnection (str "jdbc:postgresql://" (net/address net node) ":" cluster/pg-port "/postgres")
                               (properties cluster {"socketTimeout" "2" "connectTimeout" "1" "loginTimeout" "2"})))

(defn connect
  "To whichever node takes writes: {:connection :server}, the server as {:node :start :timeline}. Through :door of the cluster,
   host:port, if it has one: whoever is behind that decides."
  [{:keys [net nodes door] :as cluster}]
  (let [hosts (or door (str/join "," (map #(str (net/address net %) ":" cluster/pg-port) nodes)))
        connection (DriverManager/getConnection (str "jdbc:postgresql://" hosts "/postgres")
                                                (properties cluster (when-not door {"targetServerType" "primary" "hostRecheckSeconds" "1"})))]
    (try
      (let [[address start timeline]
            (first (query connection (str "select host(inet_server_addr()), pg_postmaster_start_time()::text,"
                                          " substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8)")))]
        {:connection connection
         :server {:node (first (filter #(= address (net/address net %)) nodes))
                  :start start
                  :timeline (Long/parseLong timeline 16)}})
      (catch Throwable t
        (.close ^Connection connection)
        (throw t)))))

(defn close-quietly [{:keys [connection]}]
  (when connection
    ;; abort does not wait for a server that does not answer.
    (try (.abort ^Connection connection (reify Executor (execute [_ command] (.run command))))
         (catch SQLException _ nil))))

(def ^:private refused-states
  "Errors after which the transaction has not happened: read-only, serialization failure, deadlock."
  #{"25006" "40001" "40P01"})

(defn refused? [^SQLException e] (contains? refused-states (.getSQLState e)))
