(ns matriarch.chaos.checker.store-peers
  "Who is in the built-in store at the end: exactly those whom the cluster began with, all of one mind. The last of :watcher's
   {:f :store-peers :value {:wanted [addresses] :as-wanted boolean :seen what was listed}} counts."
  (:refer-clojure :exclude [peek]))

(defn check [history]
  (let [{:keys [wanted as-wanted seen]} (:value (last (filter #(= :store-peers (:f %)) history)))]
    {:valid? (if (nil? wanted) :unknown (boolean as-wanted))
     :wanted wanted
     :seen seen}))
