(ns matriarch.chaos.net
  "A network of its own for each run: a bridge of the host, 10.86.X.1, and a network namespace for each node, 10.86.X.11
   and on. The control host (clients, nemesis, watcher) sits on the bridge and reaches every node whatever is cut between
   them. Cuts are iptables rules in the receiver's namespace, so that each direction is cut for itself.

   Everything is named after the bridge; creating that is what keeps two runs apart. Nothing else of the host is touched.

   A network with :hosts is not ours: machines of the user's, reached over SSH, which get the same commands. :hosts is node ->
   {:ssh destination :address :device}, :ssh-options more words for ssh. There, too, cuts are rules in a chain of their own."
  (:require [clojure.string :as str]
            [matriarch.chaos.shell :as sh]))

(defn address
  "Of a node."
  [{:keys [subnet addresses hosts]} node]
  (or (get addresses node) (get-in hosts [node :address]) (str "10.86." subnet "." (+ 10 (parse-long (subs node 1))))))

(defn host
  "The control host on the bridge."
  [{:keys [subnet]}]
  (str "10.86." subnet ".1"))

(defn namespace-of [{:keys [bridge]} node] (str bridge "-" node))

(defn- quoted [word] (str "'" (str/replace (str word) "'" "'\\''") "'"))

(defn- there
  "The words that run a command on a node."
  [{:keys [hosts ssh-options] :as net} node command]
  (if-let [{:keys [ssh]} (get hosts node)]
    (concat ["ssh" "-o" "BatchMode=yes" "-o" "ConnectTimeout=5"] ssh-options [ssh (str/join " " (map quoted command))])
    (concat ["ip" "netns" "exec" (namespace-of net node)] command)))

(defn on
  "Runs a command on a node: {:exit :out}."
  [net node & command]
  (apply sh/run (there net node command)))

(defn- inside [net node & command] (apply sh/run! (there net node command)))

(def ^:private chain "matriarch-chaos")

(defn- device [{:keys [hosts]} node] (get-in hosts [node :device] "eth0"))

(defn prepare!
  "Makes the chain that cuts go into."
  [net node]
  (on net node "iptables" "-w" "-N" chain)
  (when-not (zero? (:exit (on net node "iptables" "-w" "-C" "INPUT" "-j" chain)))
    (inside net node "iptables" "-w" "-I" "INPUT" "-j" chain)))

(defn tidy!
  "Removes what prepare! made."
  [net node]
  (doseq [words [["-D" "INPUT" "-j" chain] ["-F" chain] ["-X" chain]]]
    (apply on net node "iptables" "-w" words)))

(defn claim
  "Makes the bridge with the first free number; {:bridge :subnet}."
  []
  (or (some (fn [x]
              (let [bridge (str "chaos" x)]
                (when (zero? (:exit (sh/run "ip" "link" "add" bridge "type" "bridge")))
                  {:bridge bridge :subnet x})))
            (range 1 200))
      (throw (ex-info "no bridge could be made: this needs root, and iproute2" {}))))

(defn create
  "sysctls: name -> value of net.ipv4, for the nodes alone."
  [{:keys [bridge subnet] :as net} nodes sysctls]
  (sh/run! "ip" "addr" "add" (str (host net) "/24") "dev" bridge)
  (sh/run! "ip" "link" "set" bridge "up")
  (doseq [node nodes
          :let [space (namespace-of net node)]]
    (sh/run! "ip" "netns" "add" space)
    (sh/run! "ip" "link" "add" space "type" "veth" "peer" "name" "eth0" "netns" space)
    (sh/run! "ip" "link" "set" space "master" bridge "up")
    (inside net node "ip" "addr" "add" (str (address net node) "/24") "dev" "eth0")
    (inside net node "ip" "link" "set" "eth0" "up")
    (inside net node "ip" "link" "set" "lo" "up")
    (prepare! net node)
    (doseq [[k v] sysctls] (inside net node "sh" "-c" (str "echo " v " > /proc/sys/net/ipv4/" k)))))

(defn pids [net node]
  (map parse-long (sh/lines (:out (sh/run "ip" "netns" "pids" (namespace-of net node))))))

(defn spaces
  "The namespaces that belong to this bridge, whoever made them."
  [{:keys [bridge]}]
  (->> (sh/lines (:out (sh/run "ip" "netns" "list")))
       (map #(first (str/split % #" ")))
       (filter #(str/starts-with? % (str bridge "-n")))))

(defn destroy
  "Removes namespaces and bridge; links go with them. The namespaces must be empty of processes."
  [{:keys [bridge] :as net}]
  (doseq [space (spaces net)] (sh/run "ip" "netns" "del" space))
  (sh/run "ip" "link" "del" bridge))

(defn drop!
  "The receiver hears nothing more from these nodes."
  [net receiver senders]
  (doseq [s senders] (inside net receiver "iptables" "-w" "-A" chain "-s" (address net s) "-j" "DROP")))

(defn grudges!
  "grudge: receiver -> senders that it does not hear."
  [net grudge]
  (doseq [[receiver senders] grudge] (drop! net receiver senders)))

(defn lose!
  "Between the nodes this share of all packets is lost."
  [net nodes share]
  (doseq [receiver nodes sender nodes :when (not= receiver sender)]
    (inside net receiver "iptables" "-w" "-A" chain "-s" (address net sender)
           "-m" "statistic" "--mode" "random" "--probability" (format "%.3f" (double share)) "-j" "DROP")))

(defn slow!
  "What this node sends passes a narrow door. rate: as tc writes it, such as 300kbit"
  [net node rate]
  (inside net node "tc" "qdisc" "replace" "dev" (device net node) "root" "tbf" "rate" rate "burst" "8kb" "latency" "2s"))

(defn heal! [net nodes]
  (doseq [node nodes] (inside net node "iptables" "-w" "-F" chain)))

(defn fast! [net nodes]
  (doseq [node nodes] (on net node "tc" "qdisc" "del" "dev" (device net node) "root")))
