(ns matriarch.chaos.net-test
  (:require [clojure.test :refer [deftest is]]
            [matriarch.chaos.net :as net]))

(def ^:private hosts {:hosts {"n1" {:ssh "root@h" :address "10.0.0.1"}} :ssh-options ["-p" "23"]})

(deftest a-command-reaches-another-machine-as-it-is
  (is (= ["ssh" "-o" "BatchMode=yes" "-o" "ConnectTimeout=5" "-p" "23" "root@h" "'sh' '-c' 'echo $1; it'\\''s' 'sh' 'a b'"]
         (#'net/there hosts "n1" ["sh" "-c" "echo $1; it's" "sh" "a b"]))))

(deftest our-own-nodes-are-namespaces
  (is (= ["ip" "netns" "exec" "chaos4-n2" "tc" "a b"] (#'net/there {:bridge "chaos4" :subnet 4} "n2" ["tc" "a b"]))))

(deftest addresses
  (is (= "10.0.0.1" (net/address hosts "n1")))
  (is (= "10.86.4.12" (net/address {:subnet 4} "n2")))
  (is (= "10.86.4.1" (net/host {:subnet 4}))))
