(ns matriarch.chaos.shell
  "Commands of the machine, each with a deadline."
  (:refer-clojure :exclude [run!])
  (:require [clojure.string :as str])
  (:import (java.util.concurrent TimeUnit)))

(defn run-within
  "Runs a command; {:exit :out}, the exit code -1 after so many seconds without an end. Output and errors come together."
  [seconds & command]
  (let [file (java.io.File/createTempFile "chaos" ".out")]
    (try
      (let [process (-> (ProcessBuilder. ^java.util.List (mapv str command))
                        (.redirectErrorStream true)
                        (.redirectInput (java.io.File. "/dev/null"))
                        (.redirectOutput file)
                        (.start))]
        (if (.waitFor process (long seconds) TimeUnit/SECONDS)
          {:exit (.exitValue process) :out (slurp file)}
          (do (.destroyForcibly process)
              {:exit -1 :out (slurp file)})))
      (finally (.delete file)))))

(defn run
  "The same within 20 s."
  [& command]
  (apply run-within 20 command))

(defn run!
  "Runs a command that must succeed; its output."
  [& command]
  (let [{:keys [exit out]} (apply run command)]
    (when-not (zero? exit)
      (throw (ex-info (str "exit code " exit " of: " (str/join " " command) "\n" out) {:exit exit :command command})))
    out))

(defn lines [text] (remove str/blank? (str/split-lines text)))
