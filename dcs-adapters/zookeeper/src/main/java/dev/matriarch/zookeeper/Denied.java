package dev.matriarch.zookeeper;

import java.util.List;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.Op;
import org.apache.zookeeper.OpResult;
import org.apache.zookeeper.OpResult.ErrorResult;
import org.apache.zookeeper.ZooDefs.OpCode;

/** An ACL does not let this member do what it wanted, with a sentence that names the node to change. */
final class Denied extends KeeperException.NoAuthException {
    private static final long serialVersionUID = 1;
    private final String sentence;

    private Denied(String sentence) {
        this.sentence = sentence;
    }

    /** @param identity as whom ZooKeeper knows this member, for people */
    static Denied reading(String path, String identity) {
        return of("read", path, path, "READ", identity);
    }

    /** The step of a transaction that was refused. */
    static Denied step(List<Op> steps, List<OpResult> results, String identity) {
        for (int i = 0; results != null && i < results.size(); i++) {
            if (results.get(i) instanceof ErrorResult error && error.getErr() == Code.NOAUTH.intValue()) {
                return step(steps.get(i), identity);
            }
        }
        return step(steps.getFirst(), identity);
    }

    private static Denied step(Op step, String identity) {
        String path = step.getPath();
        // Who makes or removes a node needs a right on the one above it.
        return switch (step.getType()) {
            case OpCode.setData -> of("write", path, path, "WRITE", identity);
            case OpCode.delete -> of("remove", path, above(path), "DELETE", identity);
            case OpCode.check -> reading(path, identity);
            default -> of("make", path, above(path), "CREATE", identity);
        };
    }

    private static String above(String path) {
        int slash = path.lastIndexOf('/');
        return slash <= 0 ? "/" : path.substring(0, slash);
    }

    private static Denied of(String what, String path, String node, String right, String identity) {
        return new Denied(
                "ZooKeeper does not let this member " + what + " " + path + ": the ACL of " + node + " gives " + right
                        + " to others. It knows this member as " + identity
                        + ". Give it that right there (setAcl in zkCli.sh), or correct auth_data or cert");
    }

    @Override
    public String getMessage() {
        return sentence;
    }
}
