(ns matriarch.chaos.checker.graph
  "Directed graphs with kinds of edges: {from {to #{kinds}}}. Nothing here recurses: histories are long.")

(defn add-edge [graph from to kind]
  (if (= from to)
    graph
    (update-in graph [from to] (fnil conj #{}) kind)))

(defn restrict
  "Only the edges of these kinds, among these nodes if they are given."
  ([graph kinds] (restrict graph kinds (constantly true)))
  ([graph kinds node?]
   (into {} (for [[from tos] graph
                  :when (node? from)
                  :let [left (into {} (filter (fn [[to ks]] (and (node? to) (some kinds ks)))) tos)]
                  :when (seq left)]
              [from left]))))

(defn components
  "Strongly connected components of two nodes and more, as sets (Tarjan's algorithm with a stack of its own)."
  [graph]
  (let [index (java.util.HashMap.)
        low (java.util.HashMap.)
        on-stack (java.util.HashSet.)
        stack (java.util.ArrayDeque.)
        found (java.util.ArrayList.)
        enter (fn [v]
                (let [i (.size index)]
                  (.put index v i)
                  (.put low v i)
                  (.push stack v)
                  (.add on-stack v)))
        lower (fn [v n] (.put low v (min (.get low v) n)))]
    (doseq [root (keys graph) :when (not (.containsKey index root))]
      (enter root)
      (loop [work (list [root (keys (graph root))])]
        (when-let [[v successors] (first work)]
          (if-let [w (first successors)]
            (let [work (conj (rest work) [v (rest successors)])]
              (cond
                (not (.containsKey index w)) (do (enter w) (recur (conj work [w (keys (graph w))])))
                (.contains on-stack w) (do (lower v (.get index w)) (recur work))
                :else (recur work)))
            (do
              (when (= (.get low v) (.get index v))
                (let [component (loop [c #{}]
                                  (let [w (.pop stack)]
                                    (.remove on-stack w)
                                    (if (= w v) (conj c w) (recur (conj c w)))))]
                  (when (next component) (.add found component))))
              (when-let [[parent] (second work)]
                (lower parent (.get low v)))
              (recur (rest work)))))))
    (vec found)))

(defn path
  "A shortest path [from ... to], by breadth; nil if there is none. from = to asks for a cycle."
  [graph from to]
  (loop [queue (conj clojure.lang.PersistentQueue/EMPTY from) came {}]
    (when-let [v (peek queue)]
      (let [successors (keys (graph v))]
        (if (some #{to} successors)
          (loop [p (list to) v v]
            (if (= v from) (vec (conj p v)) (recur (conj p v) (came v))))
          (let [new (remove #(or (contains? came %) (= from %)) successors)]
            (recur (into (pop queue) new) (into came (map (fn [w] [w v])) new))))))))
