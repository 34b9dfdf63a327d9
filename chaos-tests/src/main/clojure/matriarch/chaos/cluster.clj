(ns matriarch.chaos.cluster
  "The cluster under test: the shipped distribution, a node to each network namespace, PostgreSQL and store each on a small
   tmpfs of its own. What is created here is removed here, also after SIGINT; see clean.

   A cluster is a map: :net, :nodes (names), :dir (everything of this run), :mode (synchronous_mode), :password, :closed."
  (:require [clojure.java.io :as io]
            [clojure.string :as str]
            [matriarch.chaos.net :as net]
            [matriarch.chaos.shell :as sh])
  (:import (java.net URI)
           (java.net.http HttpClient HttpClient$Version HttpRequest HttpRequest$BodyPublishers HttpResponse$BodyHandlers)
           (java.security SecureRandom)
           (java.time Duration)))

(def ^:private base "/var/tmp/matriarch-chaos")
(def pg-port 5432)
(def ^:private rest-port 8008)

;; ---------------------------------------------------------------- files

(defn home [{:keys [dir]} node] (str dir "/" node))
(defn data-dir [cluster node] (str (home cluster node) "/pg/data"))
(defn- config-file [cluster node] (str (home cluster node) "/matriarch.yml"))
(defn agent-log [cluster node] (str (home cluster node) "/agent.log"))

(defn- secret []
  (let [bytes (byte-array 15)]
    (.nextBytes (SecureRandom.) bytes)
    (str/replace (.encodeToString (java.util.Base64/getUrlEncoder) bytes) #"[-_]" "x")))

(defn- config [{:keys [net nodes mode dir password] :as cluster} node]
  (let [address (net/address net node)
        partners (for [n nodes :when (not= n node)] (str (net/address net n) ":7000"))]
    (str/join
     "\n"
     ["# Written by ./chaos."
      "scope: chaos"
      (str "name: " node)
      (str "state_dir: " (home cluster node) "/state")
      "restapi:"
      (str "  listen: " address ":" rest-port)
      (str "  connect_address: " address ":" rest-port)
      "control:"
      (str "  listen: " address ":8009")
      (str "  connect_address: " address ":8009")
      "raft:"
      (str "  data_dir: " (home cluster node) "/store/raft")
      (str "  self_addr: " address ":7000")
      (str "  partner_addrs: [" (str/join ", " partners) "]")
      "  min_timeout: 0.6"
      "  max_timeout: 1.2"
      "bootstrap:"
      "  dcs:"
      "    ttl: 5"
      "    loop_wait: 1"
      "    retry_timeout: 2"
      "    maximum_lag_on_failover: 1048576"
      (str "    synchronous_mode: " mode)
      "    postgresql:"
      "      use_pg_rewind: true"
      "      parameters:"
      "        max_connections: 60"
      "        shared_buffers: 32MB"
      "        wal_keep_size: 64MB"
      "        max_wal_size: 128MB"
      "        min_wal_size: 32MB"
      "        logging_collector: 'off'"
      "        log_line_prefix: '%m [%p] '"
      "        client_connection_check_interval: 1s"
      "  initdb:"
      "    - encoding: UTF8"
      "    - data-checksums"
      "    - locale: C"
      "postgresql:"
      (str "  listen: " address ":" pg-port)
      (str "  connect_address: " address ":" pg-port)
      (str "  data_dir: " (data-dir cluster node))
      (str "  bin_dir: " (System/getProperty "chaos.bindir"))
      (str "  pgpass: " (home cluster node) "/pgpass")
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
      (str "    - host all all 10.86." (:subnet net) ".0/24 scram-sha-256")
      (str "    - host replication replicator 10.86." (:subnet net) ".0/24 scram-sha-256")
      "  use_pg_rewind: true"
      "  remove_data_directory_on_rewind_failure: true"
      "  remove_data_directory_on_diverged_timelines: true"
      "watchdog:"
      "  mode: off # one host carries all nodes"
      "log:"
      "  level: INFO"
      ""])))

;; ---------------------------------------------------------------- processes

(defn- proc
  "A file of /proc; those cannot be asked how much there is to read."
  [path]
  (java.nio.file.Files/readString (java.nio.file.Path/of path (make-array String 0)) java.nio.charset.StandardCharsets/ISO_8859_1))

(defn- start-of
  "When a process started, in ticks: tells it from a later one of the same number. nil if there is none."
  [pid]
  (try (nth (str/split (second (str/split (proc (str "/proc/" pid "/stat")) #"\) ")) #" ") 19)
       (catch java.io.IOException _ nil)))

(defn command-line [pid]
  (try (str/replace (proc (str "/proc/" pid "/cmdline")) "\0" " ")
       (catch java.io.IOException _ "")))

(defn alive?
  "A zombie is dead."
  [pid]
  (try (let [stat (proc (str "/proc/" pid "/stat"))]
         (not (contains? #{\Z \X} (nth stat (+ 2 (str/last-index-of stat ")"))))))
       (catch java.io.IOException _ false)))

(defn pids
  "The living processes of a node; with a role (:agent, :postmaster, :guard, :walsender, :backend) only those."
  ([{:keys [net]} node] (filter alive? (net/pids net node)))
  ([cluster node role]
   (let [data (data-dir cluster node)
         role? (fn [pid]
                 (let [line (command-line pid)]
                   (case role
                     :agent (str/includes? line "dev.matriarch.agent.Matriarch")
                     :postmaster (and (re-find #"^\S*/postgres " line) (str/includes? line data)
                                      (= data (try (str (.toRealPath (.toPath (io/file (str "/proc/" pid "/cwd"))) (make-array java.nio.file.LinkOption 0)))
                                                   (catch Exception _ nil))))
                     :walsender (re-find #"^postgres: .*walsender" line)
                     :guard (and (re-find #"^\S*(sh|dash|bash) " line) (str/includes? line data)))))]
     (filter role? (pids cluster node)))))

(defn signal!
  "To these processes, which must be of this cluster's namespaces; gone ones are passed over."
  [name pids]
  (when (seq pids) (apply sh/run "kill" (str "-" name) pids))
  (vec pids))

(def ^:private starting (Object.))

(defn start-agent!
  "Unless it lives or the cluster is being removed."
  [{:keys [net dir closed] :as cluster} node]
  (locking starting
    (when (and (not @closed) (empty? (pids cluster node :agent)))
      (-> (ProcessBuilder.
           ^java.util.List
           ["setsid" "ip" "netns" "exec" (net/namespace-of net node)
            "setpriv" "--reuid=postgres" "--regid=postgres" "--init-groups"
            "env" "-i" "PATH=/usr/sbin:/usr/bin:/sbin:/bin" (str "HOME=" dir) "LANG=C.UTF-8"
            (str "MATRIARCH_JAVA=" (System/getProperty "chaos.java"))
            (str dir "/dist/bin/matriarch") (config-file cluster node)])
          (.directory (io/file dir))
          (.redirectErrorStream true)
          (.redirectInput (io/file "/dev/null"))
          (.redirectOutput (java.lang.ProcessBuilder$Redirect/appendTo (io/file (agent-log cluster node))))
          (.start))
      node)))

;; ---------------------------------------------------------------- asking

(def ^:private http
  (delay (-> (HttpClient/newBuilder)
             (.version HttpClient$Version/HTTP_1_1)
             (.connectTimeout (Duration/ofSeconds 2))
             (.build))))

(defn request
  "{:status :body} of a node's REST API; nil if it does not answer in time."
  ([cluster node method path] (request cluster node method path nil 3))
  ([{:keys [net]} node method path body seconds]
   (try
     (let [request (-> (HttpRequest/newBuilder (URI. (str "http://" (net/address net node) ":" rest-port path)))
                       (.timeout (Duration/ofSeconds seconds))
                       (.method method (if body (HttpRequest$BodyPublishers/ofString body) (HttpRequest$BodyPublishers/noBody)))
                       (.build))
           reply (.send ^HttpClient @http request (HttpResponse$BodyHandlers/ofString))]
       {:status (.statusCode reply) :body (.body reply)})
     (catch java.io.IOException _ nil))))

(defn leader
  "The node whose agent calls itself primary; nil if none does."
  [{:keys [nodes] :as cluster}]
  (first (filter #(= 200 (:status (request cluster % "GET" "/primary"))) nodes)))

(defn members
  "[{:name :role :state}] as the first agent that answers tells it."
  [{:keys [nodes] :as cluster}]
  (let [mapper (com.fasterxml.jackson.databind.ObjectMapper.)]
    (or (some (fn [node]
                (let [{:keys [status body]} (request cluster node "GET" "/cluster")]
                  (when (= 200 status)
                    (seq (for [m (.path (.readTree mapper ^String body) "members")]
                           {:name (.asText (.path m "name")) :role (.asText (.path m "role")) :state (.asText (.path m "state"))})))))
              nodes)
        [])))

(defn whole?
  "One leads, all others stream, and each says so of itself."
  [{:keys [nodes] :as cluster}]
  (let [seen (members cluster)
        leads (filter #(and (= "leader" (:role %)) (= "running" (:state %))) seen)]
    (and (= 1 (count leads))
         (= (count nodes) (count seen))
         (every? #(= "streaming" (:state %)) (remove (set leads) seen))
         (every? #(= 200 (:status (request cluster % "GET" (if (= % (:name (first leads))) "/primary" "/replica")))) nodes))))

(defn await-true
  "Asks every half second; false after so many seconds."
  [seconds f]
  (let [end (+ (System/nanoTime) (* seconds 1000000000))]
    (loop []
      (cond
        (try (f) (catch java.io.IOException _ false)) true
        (neg? (- end (System/nanoTime))) false
        :else (do (Thread/sleep 500) (recur))))))

;; ---------------------------------------------------------------- from nothing and back

(defn- mount! [path size]
  (.mkdirs (io/file path))
  (sh/run! "mount" "-t" "tmpfs" "-o" (str "size=" size ",mode=0700,uid=postgres,gid=postgres") "chaos" path))

(defn- own-mounts [dir]
  (->> (str/split-lines (proc "/proc/self/mounts"))
       (map #(second (str/split % #" ")))
       (filter #(str/starts-with? % (str dir "/")))
       (sort-by count >)))

(defn- remove-all
  "Ends every process of the namespaces, unmounts, removes namespaces, bridge and folder."
  [net dir]
  (let [living (fn [] (mapcat (fn [space] (filter alive? (map parse-long (sh/lines (:out (sh/run "ip" "netns" "pids" space))))))
                              (net/spaces net)))]
    (loop [tries 100]
      (when-let [pids (seq (living))]
        (signal! "KILL" pids)
        (when (pos? tries)
          (Thread/sleep 100)
          (recur (dec tries)))))
    (doseq [m (own-mounts dir)] (sh/run "umount" m))
    (net/destroy net)
    (if (seq (own-mounts dir))
      (println "Still mounted:" (str/join " " (own-mounts dir)))
      (sh/run "rm" "-rf" "--one-file-system" dir))))

(defn clean-left-overs
  "Removes what a run left that was ended by SIGKILL. Runs that live are left alone."
  []
  (doseq [dir (.listFiles (io/file base))
          :let [file (io/file dir "runner")
                [pid started] (when (.exists file) (str/split (str/trim (slurp file)) #" "))]
          :when (and pid (not= started (start-of pid)))]
    (println "Removing what a run in" (str dir) "left behind.")
    (let [bridge (.getName dir)]
      (remove-all {:bridge bridge :subnet (parse-long (subs bridge 5))} (str dir)))))

(defn destroy! [{:keys [net dir closed]}]
  (when (compare-and-set! closed false true)
    (locking starting
      (remove-all net dir))))

(defn create
  "Namespaces, folders, files; starts nothing yet. after-claim gets the cluster as soon as there is something to remove.
   memory: the size of each node's tmpfs for PostgreSQL and for the store, as mount writes them."
  [{:keys [node-count mode memory]} after-claim]
  (let [net (net/claim)
        dir (str base "/" (:bridge net))
        nodes (mapv #(str "n" %) (range 1 (inc node-count)))
        cluster {:net net :nodes nodes :dir dir :mode mode :password (secret) :closed (atom false)}]
    (after-claim cluster)
    (.mkdirs (io/file dir))
    (let [self (.pid (java.lang.ProcessHandle/current))]
      (spit (io/file dir "runner")
            (str self " " (start-of self))))
    (net/create net nodes)
    (sh/run! "cp" "-Rp" (System/getProperty "chaos.distribution") (str dir "/dist"))
    (sh/run! "chmod" "-R" "a+rX" (str dir "/dist"))
    (doseq [node nodes]
      (.mkdirs (io/file (home cluster node)))
      (mount! (str (home cluster node) "/pg") (:pg memory))
      (mount! (str (home cluster node) "/store") (:store memory))
      (spit (config-file cluster node) (config cluster node))
      (spit (agent-log cluster node) "")
      (sh/run! "chmod" "600" (config-file cluster node))
      (sh/run! "chown" "-R" "postgres:postgres" (home cluster node))
      (sh/run! "chmod" "700" (home cluster node)))
    (sh/run! "chown" "postgres:postgres" dir)
    cluster))
