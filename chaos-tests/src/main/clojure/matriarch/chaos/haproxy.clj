(ns matriarch.chaos.haproxy
  "HAProxy before the cluster, on the control host, with the checks of the shipped configuration, but four times a second: a
   member is down after one negative answer and up after two positive ones, so that two that are up are two that say so."
  (:require [clojure.java.io :as io]
            [clojure.string :as str]
            [matriarch.chaos.cluster :as cluster]
            [matriarch.chaos.net :as net]
            [matriarch.chaos.shell :as sh]
            [matriarch.chaos.system :as system])
  (:import (java.net StandardProtocolFamily UnixDomainSocketAddress)
           (java.nio ByteBuffer)
           (java.nio.channels SocketChannel)
           (java.nio.charset StandardCharsets)))

(def ^:private port 5000)

(defn address [{:keys [net]}] (str (net/host net) ":" port))

(defn- socket [{:keys [dir]}] (str dir "/haproxy.sock"))

(defn- config [{:keys [nodes net] :as c}]
  (str/join
   "\n"
   (concat
    ["global"
     (str "    stats socket " (socket c) " mode 600 level user")
     "    maxconn 1000"
     "defaults"
     "    mode tcp"
     "    timeout connect 3s"
     "    timeout check 1s"
     "    timeout client 1h"
     "    timeout server 1h"
     "    default-server check port 8008 inter 250ms fall 1 rise 2 on-marked-down shutdown-sessions"
     "listen primary"
     (str "    bind " (address c))
     "    option httpchk OPTIONS /primary"
     "    http-check expect status 200"]
    (for [n nodes] (str "    server " n " " (net/address net n) ":" system/pg-port))
    [""])))

(defn start!
  "Its process. destroy! ends it."
  ^Process [{:keys [dir] :as c}]
  (let [file (io/file dir "haproxy.cfg")]
    (spit file (config c))
    (sh/run! "haproxy" "-c" "-f" (str file))
    ;; It dies with the run, whatever becomes of that.
    (-> (ProcessBuilder. ^java.util.List ["setpriv" "--pdeathsig" "KILL" "haproxy" "-db" "-f" (str file)])
        (.redirectErrorStream true)
        (.redirectInput (io/file "/dev/null"))
        (.redirectOutput (io/file dir "haproxy.log"))
        (.start))))

(defn- ask [c command]
  (with-open [channel (SocketChannel/open StandardProtocolFamily/UNIX)]
    (.connect channel (UnixDomainSocketAddress/of ^String (socket c)))
    (.write channel (ByteBuffer/wrap (.getBytes (str command "\n") StandardCharsets/UTF_8)))
    (let [buffer (ByteBuffer/allocate 65536)]
      (while (and (.hasRemaining buffer) (not (neg? (.read channel buffer)))))
      (String. (.array buffer) 0 (.position buffer) StandardCharsets/UTF_8))))

(defn up
  "The nodes that it sends clients to. Throws IOException if it does not answer."
  [c]
  (let [[head & rows] (map #(str/split % #",") (sh/lines (ask c "show stat")))
        column (zipmap head (range))]
    (vec (for [row rows
               :when (and (= "primary" (first row)) (not (#{"FRONTEND" "BACKEND"} (row (column "svname")))))
               :when (str/starts-with? (row (column "status")) "UP")]
           (row (column "svname"))))))
