(ns matriarch.chaos.checker.append
  "Transactions that append to lists and read them: {:f :txn :value [[:append k v] [:r k [..]] ...]}, each v once for each k.
   A read tells the whole order of appends before it, so most dependencies between transactions can be inferred, and cycles
   among them are Adya's anomalies (after the idea of Elle by Kingsbury and Alvaro):

     G0        writes only (ww)
     G1a       a read of what a refused transaction appended
     G1b       a read in the midst of another transaction's appends
     G1c       writes and reads of them (ww, wr)
     G-single  with exactly one read of what was later overwritten (rw)
     G2        with more than one

   The same with -realtime in the name: a cycle only if an operation that ended before another began also precedes it.
   Further: internal (a transaction contradicts itself), duplicate-elements, incompatible-order (two reads of which neither
   continues the other), garbage (an element that nobody appended), lost-append (acknowledged before a read began that does
   not have it)."
  (:require [clojure.set :as set]
            [matriarch.chaos.checker.graph :as graph]
            [matriarch.chaos.history :as h]))

(defn- appends [txn] (for [[f k v] txn :when (= :append f)] [k v]))

(defn- outside-reads
  "[k list] of reads that saw nothing of the transaction itself: the own appends before it are taken off."
  [txn]
  (loop [[[f k v :as m] & more] txn own {} found []]
    (cond
      (nil? m) found
      (= :append f) (recur more (update own k (fnil conj []) v) found)
      :else (let [mine (own k [])
                  v (vec v)
                  n (- (count v) (count mine))]
              (recur more own (if (and (<= 0 n) (= mine (subvec v n))) (conj found [k (subvec v 0 n)]) found))))))

(defn- contradiction
  "The first read that does not fit what the transaction itself has seen and done."
  [txn]
  (loop [[[f k v :as m] & more] txn known {} own {}]
    (cond
      (nil? m) nil
      (= :append f) (recur more
                           (if (known k) (update known k conj v) known)
                           (update own k (fnil conj []) v))
      :else (let [v (vec v)
                  mine (own k [])
                  n (- (count v) (count mine))]
              (cond
                (and (known k) (not= v (known k))) m
                (or (neg? n) (not= mine (subvec v n))) m
                :else (recur more (assoc known k v) own))))))

(defn- prefix? [a b] (and (<= (count a) (count b)) (= a (subvec b 0 (count a)))))

(defn- realtime
  "Edges from each completed transaction to those that began next; what follows from others is left out."
  [g txns history]
  (let [node (into {} (map (fn [t] [(:call t) t])) txns)
        end (into {} (keep (fn [t] (when (:return t) [(:return t) t]))) txns)]
    (loop [[op & more] history frontier #{} before {} g g]
      (if (nil? op)
        g
        (let [i (:index op)]
          (cond
            (node i) (recur more frontier (assoc before (:id (node i)) frontier)
                            (reduce #(graph/add-edge %1 %2 (:id (node i)) :realtime) g frontier))
            (end i) (let [id (:id (end i))]
                      (recur more (conj (set/difference frontier (before id)) id) before g))
            :else (recur more frontier before g)))))))

(defn- dependency-graph [txns writer orders]
  (let [next-of (into {} (for [[k order] orders] [k (zipmap order (rest order))]))
        g (reduce (fn [g [k order]]
                    (reduce (fn [g [a b]]
                              (if (and (writer [k a]) (writer [k b]))
                                (graph/add-edge g (:id (writer [k a])) (:id (writer [k b])) :ww)
                                g))
                            g (map vector order (rest order))))
                  {} orders)]
    (reduce (fn [g t]
              (reduce (fn [g [k seen]]
                        (let [from (when (seq seen) (writer [k (peek seen)]))
                              after (writer [k (if (seq seen) (get-in next-of [k (peek seen)]) (first (orders k)))])]
                          (cond-> g
                            from (graph/add-edge (:id from) (:id t) :wr)
                            after (graph/add-edge (:id t) (:id after) :rw))))
                      g (outside-reads (:txn t))))
            g (filter :ok? txns))))

(defn- explain [txn-of g cycle]
  (mapv (fn [[a b]] {:from (:txn (txn-of a)) :index (:call (txn-of a)) :because (get-in g [a b])})
        (map vector cycle (rest cycle))))

(defn- classify
  "The gravest anomaly of one component of the graph, with a cycle that shows it; extra: #{} or #{:realtime}."
  [g component extra]
  (let [within (fn [kinds] (graph/restrict g (into extra kinds) component))
        cycle-in (fn [sub] (some #(graph/path sub % %) (first (graph/components sub))))
        through (fn [sub kind rest-kinds]
                  (some (fn [[a tos]]
                          (some (fn [[b ks]]
                                  (when (ks kind)
                                    (when-let [p (graph/path (within rest-kinds) b a)] (into [a] p))))
                                tos))
                        sub))]
    (or (when-let [c (cycle-in (within #{:ww}))] [:G0 c])
        (when-let [c (through (within #{:ww :wr}) :wr #{:ww :wr})] [:G1c c])
        (when-let [c (through (within #{:ww :wr :rw}) :rw #{:ww :wr})] [:G-single c])
        (when-let [c (through (within #{:ww :wr :rw}) :rw #{:ww :wr :rw})] [:G2 c]))))

(defn- cycles [g txn-of]
  (let [anomalies (fn [kinds extra]
                    (keep (fn [component]
                            (when-let [[kind c] (classify g component extra)]
                              [(if (seq extra) (keyword (str (name kind) "-realtime")) kind) (explain txn-of g c)]))
                          (graph/components (graph/restrict g (into extra kinds)))))
        plain (anomalies #{:ww :wr :rw} #{})]
    ;; With time only if there is nothing without: every plain cycle is one with time, too.
    (group-by first (if (seq plain) plain (anomalies #{:ww :wr :rw} #{:realtime})))))

(defn check [history]
  (let [pairs (filter #(= :txn (:f (first %))) (h/pairs history))
        txns (map-indexed (fn [id [i c :as pair]]
                            {:id id :call (:index i)
                             :return (when (= :ok (h/outcome pair)) (:index c))
                             :ok? (= :ok (h/outcome pair))
                             :refused? (= :fail (h/outcome pair))
                             :txn (:value (if (h/ok? c) c i))})
                          pairs)
        ok (filter :ok? txns)
        all-writer (into {} (for [t txns [k v] (appends (:txn t))] [[k v] t]))
        writer (into {} (remove #(:refused? (val %))) all-writer)
        reads (for [t ok [f k v] (:txn t) :when (= :r f)] {:t t :k k :v (vec v)})
        orders (into {} (for [[k rs] (group-by :k reads)] [k (apply max-key count (map :v rs))]))
        anomalies
        (merge
         {:internal (for [t ok :let [m (contradiction (:txn t))] :when m] {:index (:call t) :at m :txn (:txn t)})
          :duplicate-elements (for [{:keys [t k v]} reads :when (and (seq v) (not (apply distinct? v)))] {:key k :read v :index (:call t)})
          :garbage (distinct (for [{:keys [k v]} reads e v :when (not (all-writer [k e]))] {:key k :element e}))
          :G1a (for [{:keys [t k v]} reads e v :when (:refused? (all-writer [k e]))] {:key k :element e :index (:call t)})
          :G1b (for [t ok
                     [k v] (outside-reads (:txn t))
                     :when (seq v)
                     :let [w (writer [k (peek v)])
                           last-own (when w (last (for [[wk wv] (appends (:txn w)) :when (= wk k)] wv)))]
                     :when (and w (not= (:id w) (:id t)) (not= last-own (peek v)))]
                 {:key k :read v :index (:call t) :writer (:txn w)})
          :incompatible-order (for [[k rs] (group-by :k reads)
                                    [a b] (partition 2 1 (sort-by #(count (:v %)) rs))
                                    :when (not (prefix? (:v a) (:v b)))]
                                {:key k :reads [(:v a) (:v b)] :indexes [(:call (:t a)) (:call (:t b))]})
          :lost-append (let [by-key (group-by (fn [[[k _] _]] k) (filter (fn [[_ t]] (:ok? t)) writer))]
                         (for [[k rs] (group-by :k reads)
                               ;; What every later read lacks is found in the last one; each read would be quadratic.
                               :let [{:keys [t v]} (apply max-key #(:call (:t %)) rs)
                                     present (set v)]
                               [[_ e] w] (by-key k)
                               :when (and (< (:return w) (:call t)) (not (present e)))]
                           {:key k :element e :appended (:call w) :read (:call t)}))}
         {})
        g (-> (dependency-graph txns writer orders)
              (realtime txns (filter h/client? history)))
        txn-of (into {} (map (juxt :id identity)) txns)
        found (into (sorted-map)
                    (filter #(seq (val %)))
                    (merge anomalies (update-vals (cycles g txn-of) #(map second %))))]
    {:valid? (if (empty? reads) :unknown (empty? found))
     :transactions (count txns) :acknowledged (count ok)
     :unknown (count (remove #(or (:ok? %) (:refused? %)) txns))
     :anomaly-types (vec (keys found))
     :anomalies (update-vals found #(vec (take 5 %)))}))
