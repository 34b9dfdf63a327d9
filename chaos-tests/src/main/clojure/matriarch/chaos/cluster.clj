(ns matriarch.chaos.cluster
  "The cluster under test: the shipped distribution, or the peer, a node to each network namespace, PostgreSQL and store each on a small
   tmpfs of its own. What is created here is removed here, also after SIGINT; see clean.

   A cluster is a map: :net, :nodes (names), :spares (those of them that are not in the cluster from the beginning), :joined (an atom,
   those spares that now are), :members-changed (an atom, whether a fault did that), :dir (everything of this run), :mode (synchronous_mode), :system (its name), :options
   (of the system), :password, :closed."
  (:require [clojure.java.io :as io]
            [clojure.string :as str]
            [matriarch.chaos.net :as net]
            [matriarch.chaos.shell :as sh]
            [matriarch.chaos.system :as system])
  (:import (java.net URI)
           (java.net.http HttpClient HttpClient$Version HttpRequest HttpRequest$BodyPublishers HttpResponse$BodyHandlers)
           (java.security SecureRandom)
           (java.time Duration)))

(def ^:private base "/var/tmp/matriarch-chaos")
(def pg-port system/pg-port)
(def ^:private rest-port system/rest-port)

;; ---------------------------------------------------------------- nodes

(defn core
  "The nodes that the cluster begins and ends with."
  [{:keys [nodes spares]}]
  (vec (remove (set spares) nodes)))

(defn present
  "The nodes that are meant to run now."
  [{:keys [nodes spares joined]}]
  (vec (remove #(and (some #{%} spares) (not (contains? @joined %))) nodes)))

;; ---------------------------------------------------------------- files

(defn home [{:keys [dir]} node] (str dir "/" node))
(defn data-dir [cluster node] (or (get-in cluster [:net :hosts node :data-dir]) (str (home cluster node) "/pg/data")))
(defn- log-file [cluster node role] (str (home cluster node) "/" (name role) ".log"))

(defn- secret []
  (let [bytes (byte-array 15)]
    (.nextBytes (SecureRandom.) bytes)
    (str/replace (.encodeToString (java.util.Base64/getUrlEncoder) bytes) #"[-_]" "x")))

(defn- system-of
  "What runs on this node; see system."
  [{:keys [net] :as cluster} node]
  (system/of (:system cluster)
             (merge (select-keys cluster [:dir :mode :password :options])
                    {:name node :home (home cluster node) :data (data-dir cluster node) :address (net/address net node) :subnet (:subnet net)
                     :peers (into (sorted-map) (for [n (core cluster)] [n (net/address net n)]))})))

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

(def ^:private list-processes
  "On a machine of the user's: all processes of one user, in this network namespace."
  (str "own=$(readlink /proc/self/ns/net | tr -dc 0-9); ps -u \"$1\" -ww -o pid=,netns=,stat=,args= |"
       " while read -r pid space state line; do [ \"$space\" != \"$own\" ] || case $state in Z*) ;; *) echo \"$pid $line\" ;; esac; done"))

(defn- processes
  "The living processes of a node: {:pid :line}."
  [{:keys [net]} node]
  (if-let [{:keys [user]} (get-in net [:hosts node])]
    (for [line (sh/lines (:out (net/on net node "sh" "-c" list-processes "sh" user)))
          :let [[_ pid words] (re-matches #"(\d+) (.*)" line)]
          :when pid]
      {:pid (parse-long pid) :line words})
    (for [pid (net/pids net node) :when (alive? pid)]
      {:pid pid :line (command-line pid)})))

(defn- postmaster-of-file
  "The process that the data directory names; nil if there is none."
  [cluster node]
  (let [file (str (data-dir cluster node) "/postmaster.pid")]
    (some-> (re-find #"^\d+" (:out (net/on (:net cluster) node "head" "-n" "1" file))) parse-long)))

(defn pids
  "The living processes of a node; with a role (:agent, :store, :postmaster, :server (its children), :checkpointer, :walsender, :guard,
   :session) only those."
  ([cluster node] (map :pid (processes cluster node)))
  ([cluster node role]
   (let [data (data-dir cluster node)
         daemon? (:daemon? (system-of cluster node))
         postmaster (when (= :postmaster role) (postmaster-of-file cluster node))
         role? (fn [{:keys [pid line]}]
                 (case role
                   (:agent :store) (daemon? role line)
                   :postmaster (and (= pid postmaster) (re-find #"^\S*/postgres " line))
                   :walsender (re-find #"^postgres: .*walsender" line)
                   :checkpointer (re-find #"^postgres: .*checkpointer" line)
                   :server (re-find #"^postgres: " line)
                   :session (re-find #"^postgres: (\S+: )?postgres postgres " line)
                   :guard (and (re-find #"^\S*(sh|dash|bash) " line) (str/includes? line data))))]
     (mapv :pid (filter role? (processes cluster node))))))

(defn- kill-here [name pids]
  (when (seq pids) (apply sh/run "kill" (str "-" name) pids)))

(defn signal!
  "To these processes of a node; gone ones are passed over."
  [{:keys [net]} node name pids]
  (when (seq pids)
    (if (get-in net [:hosts node])
      (apply net/on net node "kill" (str "-" name) pids)
      (kill-here name pids)))
  (vec pids))

(def ^:private starting (Object.))

(defn- start-here! [{:keys [net dir] :as cluster} node {:keys [role command]}]
  (-> (ProcessBuilder.
       ^java.util.List
       (into ["setsid" "ip" "netns" "exec" (net/namespace-of net node)
              "setpriv" "--reuid=postgres" "--regid=postgres" "--init-groups"]
             command))
      (.directory (io/file dir))
      (.redirectErrorStream true)
      (.redirectInput (io/file "/dev/null"))
      (.redirectOutput (java.lang.ProcessBuilder$Redirect/appendTo (io/file (log-file cluster node role))))
      (.start)))

(defn start-agent!
  "The node's daemons, unless they live or the cluster is being removed. What was started; nil if nothing."
  [{:keys [net closed] :as cluster} node]
  (locking starting
    (seq
     (doall
      (for [{:keys [role] :as service} (:services (system-of cluster node))
            :when (and (not @closed) (empty? (pids cluster node role)))]
        (do (if-let [{:keys [start]} (get-in net [:hosts node])]
              (net/on net node "sh" "-c" start)
              (start-here! cluster node service))
            [node role]))))))

(defn wipe!
  "A node's disks are empty again, but for its configuration. Nothing of it may run."
  [cluster node]
  (doseq [place ["pg" "store" "state"]]
    (sh/run! "sh" "-c" "[ ! -d \"$1\" ] || find \"$1\" -mindepth 1 -delete" "sh" (str (home cluster node) "/" place))))

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

(defn holds-lock
  "{:timeline :role} of a node whose agent says that it is the primary with the lock; nil if it says anything else. The role is what
   its PostgreSQL shows: whoever has just taken the lock is not promoted yet."
  [cluster node]
  (let [{:keys [status body]} (request cluster node "GET" "/primary" nil 2)]
    (when (= 200 status)
      (when-let [timeline (some-> (re-find #"\"timeline\": ?(\d+)" body) second parse-long)]
        {:timeline timeline :role (second (re-find #"\"role\": ?\"(\w+)\"" body))}))))

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
  [cluster]
  (let [seen (members cluster)
        nodes (core cluster)
        leads (filter #(and (= "leader" (:role %)) (= "running" (:state %))) seen)]
    (and (= 1 (count leads))
         (= (count nodes) (count seen))
         (every? #((:streaming (system-of cluster (first nodes))) (:state %)) (remove (set leads) seen))
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

(defn in-background
  "Calls f; its outcome goes nowhere. :asked"
  [f]
  (future (try (f) (catch Exception _ nil)))
  :asked)

;; ---------------------------------------------------------------- clocks

(defn set-clock!
  "The wall clock of a node's daemons, so many seconds off; only in a cluster that was made with :faketime."
  [{:keys [options] :as cluster} node seconds]
  (when (:faketime options)
    (spit (system/clock-file (home cluster node)) (format "%+d\n" seconds))))

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
        (kill-here "KILL" pids)
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

(defn- leave!
  "Machines of the user's are left with their cluster, which is woken and joined."
  [{:keys [net nodes] :as cluster}]
  (net/fast! net nodes)
  (doseq [node nodes]
    (net/tidy! net node)
    (signal! cluster node "CONT" (pids cluster node))))

(defn destroy! [{:keys [net dir closed] :as cluster}]
  (when (compare-and-set! closed false true)
    (locking starting
      (if (:hosts net)
        (leave! cluster)
        (remove-all net dir)))))

(defn of-hosts
  "A cluster that runs on machines of the user's. hosts: what the file after --ssh holds,
   {:nodes {\"n1\" {:ssh \"root@10.0.0.1\" :address \"10.0.0.1\"} …}, and for all nodes, or in each: :data-dir, :user (of the processes),
   :start (a command), :device, and :ssh-options}."
  [{:keys [nodes ssh-options] :as hosts} mode password after-claim]
  (let [usual (merge {:user "postgres" :start "systemctl start matriarch" :data-dir "/var/lib/matriarch/data"}
                     (select-keys hosts [:user :start :data-dir :device]))
        cluster {:net {:hosts (update-vals nodes #(merge usual %)) :ssh-options ssh-options}
                 :nodes (vec (sort (keys nodes))) :dir "" :mode mode :system "matriarch" :password password :closed (atom false)}]
    (doseq [node (:nodes cluster)]
      (let [{:keys [exit out]} (net/on (:net cluster) node "id" "-u")]
        (when-not (and (zero? exit) (= "0" (str/trim out)))
          (throw (ex-info (str node " cannot be reached as root: " out) {})))))
    (after-claim cluster)
    (doseq [node (:nodes cluster)] (net/prepare! (:net cluster) node))
    cluster))

(defn create
  "Namespaces, folders, files; starts nothing yet. after-claim gets the cluster as soon as there is something to remove.
   system: its name; options: what it takes; spare: one more node is prepared, which is not in the cluster yet."
  [{:keys [node-count mode system options sysctls spare]} after-claim]
  (let [net (net/claim)
        dir (str base "/" (:bridge net))
        nodes (mapv #(str "n" %) (range 1 (+ node-count (if spare 2 1))))
        cluster {:net net :nodes nodes :spares (subvec nodes node-count) :joined (atom #{}) :members-changed (atom false) :dir dir :mode mode :system system
                 :options (cond-> options spare (assoc :comes-and-goes true)) :password (secret) :closed (atom false)}]
    (after-claim cluster)
    (.mkdirs (io/file dir))
    (let [self (.pid (java.lang.ProcessHandle/current))]
      (spit (io/file dir "runner")
            (str self " " (start-of self))))
    (net/create net nodes sysctls)
    (sh/run! "cp" "-Rp" (System/getProperty "chaos.distribution") (str dir "/dist"))
    (sh/run! "chmod" "-R" "a+rX" (str dir "/dist"))
    (doseq [node nodes
            :let [{:keys [files memory services]} (system-of cluster node)]]
      (.mkdirs (io/file (home cluster node)))
      (mount! (str (home cluster node) "/pg") (:pg memory))
      (mount! (str (home cluster node) "/store") (:store memory))
      (doseq [[path content] (files)
              :let [file (io/file (home cluster node) path)]]
        (io/make-parents file)
        (spit file content)
        (sh/run! "chmod" "600" (str file)))
      (set-clock! cluster node 0)
      (doseq [{:keys [role]} services] (spit (log-file cluster node role) ""))
      (sh/run! "chown" "-R" "postgres:postgres" (home cluster node))
      (sh/run! "chmod" "700" (home cluster node)))
    (sh/run! "chown" "postgres:postgres" dir)
    cluster))
