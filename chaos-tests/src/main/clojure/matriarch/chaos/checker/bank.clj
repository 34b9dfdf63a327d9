(ns matriarch.chaos.checker.bank
  "Transfers between accounts: every read that succeeded must show all accounts, the whole sum, and nobody in debt.
   Reads are maps, account -> balance."
  (:require [matriarch.chaos.history :as h]))

(defn- fault [accounts total op]
  (let [balances (:value op)
        sum (reduce + 0 (remove nil? (vals balances)))]
    (cond
      (not= (set accounts) (set (keys balances))) {:type :wrong-accounts :op op}
      (some nil? (vals balances)) {:type :nil-balance :op op}
      (not= total sum) {:type :wrong-total :total sum :op op}
      (some neg? (vals balances)) {:type :negative :op op})))

(defn check
  "accounts: their names; total: the sum that is there from the beginning."
  [accounts total history]
  (let [reads (filter #(and (h/ok? %) (h/client? %) (= :read (:f %))) history)
        faults (keep #(fault accounts total %) reads)]
    (if (empty? reads)
      {:valid? :unknown :error "the accounts were never read"}
      {:valid? (empty? faults)
       :reads (count reads)
       :fault-count (count faults)
       :faults (vec (take 10 faults))})))
