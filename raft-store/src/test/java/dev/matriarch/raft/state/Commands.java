package dev.matriarch.raft.state;

import com.google.protobuf.ByteString;
import dev.matriarch.proto.store.v1.Barrier;
import dev.matriarch.proto.store.v1.Command;
import dev.matriarch.proto.store.v1.Delete;
import dev.matriarch.proto.store.v1.DeletePrefix;
import dev.matriarch.proto.store.v1.Expectation;
import dev.matriarch.proto.store.v1.ExpireLease;
import dev.matriarch.proto.store.v1.GrantLease;
import dev.matriarch.proto.store.v1.Operation;
import dev.matriarch.proto.store.v1.Put;
import dev.matriarch.proto.store.v1.ReleaseLease;
import dev.matriarch.proto.store.v1.RenewLease;
import dev.matriarch.proto.store.v1.RequireLease;
import java.util.List;

/** Short words for the commands of the tests. */
final class Commands {
    private Commands() {}

    static Command command(Operation... operations) {
        return Command.newBuilder()
                .setFormatVersion(Apply.FORMAT_VERSION)
                .addAllOperations(List.of(operations))
                .build();
    }

    static Operation put(String key, String value) {
        return put(key, value, "");
    }

    static Operation put(String key, String value, String lease) {
        return Operation.newBuilder()
                .setPut(Put.newBuilder()
                        .setKey(key)
                        .setValue(ByteString.copyFromUtf8(value))
                        .setLease(lease))
                .build();
    }

    static Operation putIf(String key, String value, Expectation expectation) {
        return Operation.newBuilder()
                .setPut(Put.newBuilder()
                        .setKey(key)
                        .setValue(ByteString.copyFromUtf8(value))
                        .setExpect(expectation))
                .build();
    }

    static Operation delete(String key) {
        return Operation.newBuilder().setDelete(Delete.newBuilder().setKey(key)).build();
    }

    static Operation deleteIf(String key, Expectation expectation) {
        return Operation.newBuilder()
                .setDelete(Delete.newBuilder().setKey(key).setExpect(expectation))
                .build();
    }

    static Operation deletePrefix(String prefix) {
        return Operation.newBuilder()
                .setDeletePrefix(DeletePrefix.newBuilder().setPrefix(prefix))
                .build();
    }

    static Operation grant(String name, String holder, long ttl) {
        return Operation.newBuilder()
                .setGrantLease(
                        GrantLease.newBuilder().setName(name).setHolder(holder).setTtlMillis(ttl))
                .build();
    }

    static Operation renew(String name, String holder, long epoch, long ttl) {
        return Operation.newBuilder()
                .setRenewLease(RenewLease.newBuilder()
                        .setName(name)
                        .setHolder(holder)
                        .setEpoch(epoch)
                        .setTtlMillis(ttl))
                .build();
    }

    static Operation release(String name, String holder, long epoch) {
        return Operation.newBuilder()
                .setReleaseLease(ReleaseLease.newBuilder()
                        .setName(name)
                        .setHolder(holder)
                        .setEpoch(epoch))
                .build();
    }

    static Operation expire(String name, long epoch, long renewal) {
        return Operation.newBuilder()
                .setExpireLease(
                        ExpireLease.newBuilder().setName(name).setEpoch(epoch).setRenewal(renewal))
                .build();
    }

    static Operation require(String name, String holder, long epoch, long renewal) {
        return Operation.newBuilder()
                .setRequireLease(RequireLease.newBuilder()
                        .setName(name)
                        .setHolder(holder)
                        .setEpoch(epoch)
                        .setRenewal(renewal))
                .build();
    }

    static Operation barrier() {
        return Operation.newBuilder().setBarrier(Barrier.getDefaultInstance()).build();
    }

    static Expectation absent() {
        return Expectation.newBuilder().setAbsent(true).build();
    }

    static Expectation revision(long revision) {
        return Expectation.newBuilder().setRevision(revision).build();
    }
}
