(ns matriarch.chaos.system
  "What runs on a node: our agent, or Debian's Patroni with etcd. A system is a map:
     :services    the node's daemons in the order in which they start, {:role :command}; a command is a list of words
     :files       function without arguments: path -> content, written before the first start
     :daemon?     role and command line -> whether this process is that daemon
     :streaming   the states in which a standby is well, as /cluster tells them
   Both answer the same REST requests on port 8008, and are judged alike.

   A place is a map of what the texts need: :dir (everything of the run), :home, :data, :address, :name, :peers
   (name -> address of those that the cluster begins with, with itself if it is one), :mode, :password, :subnet, :options."
  (:require [clojure.java.io :as io]
            [clojure.string :as str]))

(def pg-port 5432)
(def rest-port 8008)

(defn clock-file [home] (str home "/clock"))

(defn- clock
  "Words of env that make a daemon and what it starts go by the clock file. Looked at once a second."
  [{:keys [home options]}]
  (when-let [library (:faketime options)]
    [(str "LD_PRELOAD=" library) (str "FAKETIME_TIMESTAMP_FILE=" (clock-file home)) "FAKETIME_CACHE_DURATION=1"
     "DONT_FAKE_MONOTONIC=1" "FAKETIME_DONT_FAKE_MONOTONIC=1"
     ;; Without this, timed waits of the JVM come back at once.
     "FAKETIME_FORCE_MONOTONIC_FIX=0"]))

(def ^:private parameters
  {"max_connections" "60" "shared_buffers" "32MB" "wal_keep_size" "64MB" "max_wal_size" "128MB" "min_wal_size" "32MB"
   "logging_collector" "'off'" "log_line_prefix" "'%m [%p] '" "client_connection_check_interval" "1s"})

(defn- external? [options] (= "etcd3" (:store options)))

(defn- shared-dcs
  "The cluster's settings, word for word the same for both."
  [{:keys [mode options]}]
  (concat
   ["bootstrap:"
    "  dcs:"]
   ;; A store of others takes no shorter ones of ours.
   (if (external? options)
     ["    ttl: 20" "    loop_wait: 1" "    retry_timeout: 3"]
     ["    ttl: 5" "    loop_wait: 1" "    retry_timeout: 2"])
   ;; A node that comes and goes would leave its slot, and all WAL since, on a small disk.
   (when (:comes-and-goes options) ["    member_slots_ttl: 60"])
   ["    maximum_lag_on_failover: 1048576"
    (str "    synchronous_mode: " mode)
    "    postgresql:"
    "      use_pg_rewind: true"
    "      parameters:"]
   (for [[k v] parameters] (str "        " k ": " v))
   ["  initdb:"
    "    - encoding: UTF8"
    "    - data-checksums"
    "    - locale: C"]))

(defn- shared-postgres [{:keys [address home data password subnet]} more]
  (concat
   ["postgresql:"
    (str "  listen: " address ":" pg-port)
    (str "  connect_address: " address ":" pg-port)
    (str "  data_dir: " data)
    (str "  bin_dir: " (System/getProperty "chaos.bindir"))
    (str "  pgpass: " home "/pgpass")
    "  authentication:"
    "    superuser:"
    "      username: postgres"
    (str "      password: " password)
    "    replication:"
    "      username: replicator"
    (str "      password: " password)
    "    rewind:"
    "      username: rewinder"
    (str "      password: " password)
    "  parameters:"
    "    unix_socket_directories: ''"
    "  pg_hba:"
    (str "    - host all all 10.86." subnet ".0/24 scram-sha-256")
    (str "    - host replication replicator 10.86." subnet ".0/24 scram-sha-256")
    "  remove_data_directory_on_rewind_failure: true"
    "  remove_data_directory_on_diverged_timelines: true"]
   more))

(defn- head [{:keys [name address]}]
  ["# Written by ./chaos."
   "scope: chaos"
   (str "name: " name)
   "restapi:"
   (str "  listen: " address ":" rest-port)
   (str "  connect_address: " address ":" rest-port)])

(defn- text [& parts] (str (str/join "\n" (apply concat parts)) "\n"))

;; ---------------------------------------------------------------- etcd

(defn- etcd3-section [peers]
  ["etcd3:"
   (str "  hosts: [" (str/join ", " (for [[_ a] peers] (str "'" a ":2379'"))) "]")])

(defn etcd-data [home] (str home "/store/etcd"))

(defn- etcd
  "One server on each node. environment: words of env."
  [{:keys [home address name peers]} environment]
  {:role :store
   :command (into (vec environment)
                  [(str (System/getProperty "chaos.etcd" "") "/usr/bin/etcd") "--name" name "--data-dir" (etcd-data home)
                   "--listen-peer-urls" (str "http://" address ":2380")
                   "--initial-advertise-peer-urls" (str "http://" address ":2380")
                   "--listen-client-urls" (str "http://" address ":2379")
                   "--advertise-client-urls" (str "http://" address ":2379")
                   "--initial-cluster" (str/join "," (for [[n a] peers] (str n "=http://" a ":2380")))
                   "--initial-cluster-state" "new" "--initial-cluster-token" "chaos" "--logger" "zap"])})

(defn- etcd? [line] (boolean (re-find #"^\S*/etcd " line)))

;; etcd makes files of 64 MB before it needs them.
(def ^:private etcd-memory "300m")

;; ---------------------------------------------------------------- ours

(defn store-address
  "Of a peer of the built-in store."
  [address]
  (str address ":7000"))

(def control-port 8009)

(defn- store-section [{:keys [home address name peers options]}]
  (if (external? options)
    (etcd3-section peers)
    ["raft:"
     (str "  data_dir: " home "/store/raft")
     (str "  self_addr: " (store-address address))
     (str "  partner_addrs: [" (str/join ", " (for [[n a] peers :when (not= n name)] (store-address a))) "]")
     "  min_timeout: 0.6"
     "  max_timeout: 1.2"]))

(defn- agent-config [{:keys [home address] :as place}]
  (text (head place)
        [(str "state_dir: " home "/state")
         "control:"
         (str "  listen: " address ":" control-port)
         (str "  connect_address: " address ":" control-port)]
        (store-section place)
        (shared-dcs place)
        (shared-postgres place ["  use_pg_rewind: true"])
        ["watchdog:"
         "  mode: off # one host carries all nodes"
         "log:"
         "  level: INFO"]))

(def ^:private guard-script "dev/matriarch/agent/fencing/guard.sh")

(defn- toothless-guard
  "The guard's own script with its signals taken out: it listens, keeps its deadline, and does nothing to anybody. For the control that
   shows what the guard is good for."
  [distribution]
  (let [script (some (fn [^java.io.File jar]
                       (with-open [zip (java.util.zip.ZipFile. jar)]
                         (when-let [e (.getEntry zip guard-script)] (slurp (.getInputStream zip e)))))
                     (filter #(str/ends-with? (str %) ".jar") (.listFiles (io/file distribution "lib"))))
        tame (str/replace (or script "") #"(?m)\bkill -[A-Z]+ " "true ")]
    (when (= script tame) (throw (ex-info "the guard's script was not found in the distribution" {})))
    tame))

(defn our-environment
  "Words of env for our programs."
  [dir]
  ["env" "-i" "PATH=/usr/sbin:/usr/bin:/sbin:/bin" (str "HOME=" dir) "LANG=C.UTF-8" (str "MATRIARCH_JAVA=" (System/getProperty "chaos.java"))])

(defn- ours [{:keys [dir home options] :as place}]
  {:services (cond->> [{:role :agent
                        :command (concat
                                  (our-environment dir)
                                  (clock place)
                                  ;; What lies there is found before what the jars hold.
                                  [(str "MATRIARCH_JAVA_OPTS=" (when (:guard-off options) (str "-Xbootclasspath/a:" home "/override")))
                                   (str dir "/dist/bin/matriarch") (str home "/agent.yml")])}]
               (external? options) (into [(etcd place ["env" "-i" (str "HOME=" dir)])]))
   :files (fn []
            (cond-> {"agent.yml" (agent-config place)}
              (:guard-off options) (assoc (str "override/" guard-script) (toothless-guard (System/getProperty "chaos.distribution")))))
   :daemon? (fn [role line] (case role
                              :agent (str/includes? line "dev.matriarch.agent.Matriarch")
                              :store (etcd? line)))
   :streaming #{"streaming"}
   :memory {:pg "700m" :store (if (external? options) etcd-memory "128m")}})

;; ---------------------------------------------------------------- Patroni

(defn- patroni-config [{:keys [peers] :as place}]
  (text (head place)
        (etcd3-section peers)
        (shared-dcs place)
        (shared-postgres place ["  use_unix_socket: false"])
        ["watchdog:"
         "  mode: off # one host carries all nodes"
         "log:"
         "  level: INFO"]))

(defn- patroni [{:keys [dir home] :as place}]
  (let [root (System/getProperty "chaos.patroni" "")
        environment (vec (concat ["env" "-i" (str "PATH=" root "/usr/bin:/usr/sbin:/usr/bin:/sbin:/bin") (str "HOME=" dir) "LANG=C.UTF-8"]
                                 (clock place)))]
    {:services [(etcd place environment)
                {:role :agent
                 :command (into environment
                                [(str "PYTHONPATH=" root "/usr/lib/python3/dist-packages") "PYTHONUNBUFFERED=1"
                                 "python3" (str root "/usr/bin/patroni") (str home "/agent.yml")])}]
     :files (fn [] {"agent.yml" (patroni-config place)})
     :daemon? (fn [role line] (case role
                                :agent (boolean (re-find #"^\S*python3\S* \S*/patroni " line))
                                :store (etcd? line)))
     ;; Before 3.1 a standby that streams is merely running.
     :streaming #{"streaming" "running"}
     :memory {:pg "700m" :store etcd-memory}}))

(def systems {"matriarch" ours "patroni" patroni})

(defn of [system place] ((systems system) place))
