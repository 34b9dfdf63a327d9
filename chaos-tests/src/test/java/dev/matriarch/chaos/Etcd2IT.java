package dev.matriarch.chaos;

/** The same by etcd's v2 API: what is common to both. */
class Etcd2IT extends OnEtcd {

    @Override
    Cluster start(String address) {
        return Cluster.startOnEtcdV2(address, 3);
    }

    @Override
    String key(String name) {
        return etcd.getV2("/service/demo/" + name);
    }
}
