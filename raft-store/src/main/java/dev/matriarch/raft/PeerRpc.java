package dev.matriarch.raft;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.Parser;
import dev.matriarch.proto.control.v1.CertificateRow;
import dev.matriarch.proto.control.v1.ChangeCertificateReply;
import dev.matriarch.proto.control.v1.ChangeCertificateRequest;
import dev.matriarch.proto.control.v1.GetCertificateRequest;
import dev.matriarch.proto.store.v1.ChangeReply;
import dev.matriarch.proto.store.v1.ChangeRequest;
import dev.matriarch.proto.store.v1.HelloReply;
import dev.matriarch.proto.store.v1.HelloRequest;
import dev.matriarch.proto.store.v1.JoinReply;
import dev.matriarch.proto.store.v1.JoinRequest;
import dev.matriarch.proto.store.v1.ReformReply;
import dev.matriarch.proto.store.v1.ReformRequest;
import dev.matriarch.proto.store.v1.SurveyReply;
import dev.matriarch.proto.store.v1.SurveyRequest;
import dev.matriarch.proto.store.v1.ViewReply;
import dev.matriarch.proto.store.v1.ViewRequest;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.ratis.proto.RaftProtos.RaftClientReplyProto;
import org.apache.ratis.proto.RaftProtos.RaftClientRequestProto;
import org.apache.ratis.thirdparty.io.grpc.CallOptions;
import org.apache.ratis.thirdparty.io.grpc.ManagedChannel;
import org.apache.ratis.thirdparty.io.grpc.MethodDescriptor;
import org.apache.ratis.thirdparty.io.grpc.MethodDescriptor.Marshaller;
import org.apache.ratis.thirdparty.io.grpc.ServerServiceDefinition;
import org.apache.ratis.thirdparty.io.grpc.Status;
import org.apache.ratis.thirdparty.io.grpc.stub.ClientCalls;
import org.apache.ratis.thirdparty.io.grpc.stub.ServerCalls;
import org.apache.ratis.thirdparty.io.grpc.stub.StreamObserver;

/**
 * What peers say to each other on the Raft port beside Raft itself: hello, join, what each sees, changes of
 * membership, certificates, and handing a command to the Raft leader. Unary calls, each with a deadline.
 */
final class PeerRpc {
    private static final String SERVICE = "matriarch.store.v1.PeerRpc";

    private static final MethodDescriptor<HelloRequest, HelloReply> HELLO =
            method("Hello", marshaller(HelloRequest.parser()), marshaller(HelloReply.parser()));
    private static final MethodDescriptor<JoinRequest, JoinReply> JOIN =
            method("Join", marshaller(JoinRequest.parser()), marshaller(JoinReply.parser()));
    private static final MethodDescriptor<ViewRequest, ViewReply> VIEW =
            method("View", marshaller(ViewRequest.parser()), marshaller(ViewReply.parser()));
    private static final MethodDescriptor<ChangeRequest, ChangeReply> CHANGE =
            method("Change", marshaller(ChangeRequest.parser()), marshaller(ChangeReply.parser()));
    private static final MethodDescriptor<SurveyRequest, SurveyReply> SURVEY =
            method("Survey", marshaller(SurveyRequest.parser()), marshaller(SurveyReply.parser()));
    private static final MethodDescriptor<ReformRequest, ReformReply> REFORM =
            method("Reform", marshaller(ReformRequest.parser()), marshaller(ReformReply.parser()));
    private static final MethodDescriptor<GetCertificateRequest, CertificateRow> CERTIFICATE =
            method("GetCertificate", marshaller(GetCertificateRequest.parser()), marshaller(CertificateRow.parser()));
    private static final MethodDescriptor<ChangeCertificateRequest, ChangeCertificateReply> CHANGE_CERTIFICATE = method(
            "ChangeCertificate",
            marshaller(ChangeCertificateRequest.parser()),
            marshaller(ChangeCertificateReply.parser()));
    private static final MethodDescriptor<RaftClientRequestProto, RaftClientReplyProto> SUBMIT = method(
            "Submit",
            new RatisMarshaller<>(RaftClientRequestProto.parser()),
            new RatisMarshaller<>(RaftClientReplyProto.parser()));

    /** The answering side; every method returns at once. */
    interface Answers {
        HelloReply hello(HelloRequest request);

        CompletableFuture<JoinReply> join(JoinRequest request);

        ViewReply view(ViewRequest request);

        CompletableFuture<ChangeReply> change(ChangeRequest request);

        CompletableFuture<SurveyReply> survey(SurveyRequest request);

        CompletableFuture<ReformReply> reform(ReformRequest request);

        CompletableFuture<CertificateRow> certificate(GetCertificateRequest request);

        CompletableFuture<ChangeCertificateReply> changeCertificate(ChangeCertificateRequest request);

        CompletableFuture<RaftClientReplyProto> submit(RaftClientRequestProto request);
    }

    private final RaftTransport transport;

    PeerRpc(RaftTransport transport) {
        this.transport = transport;
    }

    static ServerServiceDefinition service(Answers answers) {
        return ServerServiceDefinition.builder(SERVICE)
                .addMethod(
                        HELLO,
                        ServerCalls.asyncUnaryCall((HelloRequest request, StreamObserver<HelloReply> out) ->
                                answer(CompletableFuture.completedFuture(answers.hello(request)), out)))
                .addMethod(
                        JOIN,
                        ServerCalls.asyncUnaryCall((JoinRequest request, StreamObserver<JoinReply> out) ->
                                answer(answers.join(request), out)))
                .addMethod(
                        VIEW,
                        ServerCalls.asyncUnaryCall((ViewRequest request, StreamObserver<ViewReply> out) ->
                                answer(CompletableFuture.completedFuture(answers.view(request)), out)))
                .addMethod(
                        CHANGE,
                        ServerCalls.asyncUnaryCall((ChangeRequest request, StreamObserver<ChangeReply> out) ->
                                answer(answers.change(request), out)))
                .addMethod(
                        SURVEY,
                        ServerCalls.asyncUnaryCall((SurveyRequest request, StreamObserver<SurveyReply> out) ->
                                answer(answers.survey(request), out)))
                .addMethod(
                        REFORM,
                        ServerCalls.asyncUnaryCall((ReformRequest request, StreamObserver<ReformReply> out) ->
                                answer(answers.reform(request), out)))
                .addMethod(
                        CERTIFICATE,
                        ServerCalls.asyncUnaryCall(
                                (GetCertificateRequest request, StreamObserver<CertificateRow> out) ->
                                        answer(answers.certificate(request), out)))
                .addMethod(
                        CHANGE_CERTIFICATE,
                        ServerCalls.asyncUnaryCall(
                                (ChangeCertificateRequest request, StreamObserver<ChangeCertificateReply> out) ->
                                        answer(answers.changeCertificate(request), out)))
                .addMethod(
                        SUBMIT,
                        ServerCalls.asyncUnaryCall(
                                (RaftClientRequestProto request, StreamObserver<RaftClientReplyProto> out) ->
                                        answer(answers.submit(request), out)))
                .build();
    }

    HelloReply hello(String address, HelloRequest request, Duration timeout) throws StoreStartException {
        return blocking(address, HELLO, request, timeout);
    }

    JoinReply join(String address, JoinRequest request, Duration timeout) throws StoreStartException {
        return blocking(address, JOIN, request, timeout);
    }

    ViewReply view(String address, ViewRequest request, Duration timeout) throws StoreStartException {
        return blocking(address, VIEW, request, timeout);
    }

    ChangeReply change(String address, ChangeRequest request, Duration timeout) throws StoreStartException {
        return blocking(address, CHANGE, request, timeout);
    }

    SurveyReply survey(String address, SurveyRequest request, Duration timeout) throws StoreStartException {
        return blocking(address, SURVEY, request, timeout);
    }

    ReformReply reform(String address, ReformRequest request, Duration timeout) throws StoreStartException {
        return blocking(address, REFORM, request, timeout);
    }

    CertificateRow certificate(String address, GetCertificateRequest request, Duration timeout)
            throws StoreStartException {
        return blocking(address, CERTIFICATE, request, timeout);
    }

    ChangeCertificateReply changeCertificate(String address, ChangeCertificateRequest request, Duration timeout)
            throws StoreStartException {
        return blocking(address, CHANGE_CERTIFICATE, request, timeout);
    }

    CompletableFuture<RaftClientReplyProto> submit(String address, RaftClientRequestProto request, Duration timeout)
            throws StoreStartException {
        CompletableFuture<RaftClientReplyProto> reply = new CompletableFuture<>();
        ManagedChannel channel = transport.channel(address);
        ClientCalls.asyncUnaryCall(channel.newCall(SUBMIT, options(timeout)), request, new StreamObserver<>() {
            @Override
            public void onNext(RaftClientReplyProto value) {
                reply.complete(value);
            }

            @Override
            public void onError(Throwable t) {
                reply.completeExceptionally(t);
            }

            @Override
            public void onCompleted() {
                reply.completeExceptionally(
                        Status.INTERNAL.withDescription("no reply").asRuntimeException());
            }
        });
        return reply;
    }

    private <Q, R> R blocking(String address, MethodDescriptor<Q, R> method, Q request, Duration timeout)
            throws StoreStartException {
        return ClientCalls.blockingUnaryCall(transport.channel(address), method, options(timeout), request);
    }

    private static CallOptions options(Duration timeout) {
        return CallOptions.DEFAULT.withDeadlineAfter(Math.max(1, timeout.toMillis()), TimeUnit.MILLISECONDS);
    }

    private static <R> void answer(CompletableFuture<R> reply, StreamObserver<R> out) {
        reply.whenComplete((value, problem) -> {
            if (problem == null) {
                out.onNext(value);
                out.onCompleted();
            } else {
                out.onError(Status.UNAVAILABLE
                        .withDescription(String.valueOf(problem.getMessage()))
                        .asRuntimeException());
            }
        });
    }

    private static <Q, R> MethodDescriptor<Q, R> method(String name, Marshaller<Q> request, Marshaller<R> reply) {
        return MethodDescriptor.<Q, R>newBuilder()
                .setType(MethodDescriptor.MethodType.UNARY)
                .setFullMethodName(MethodDescriptor.generateFullMethodName(SERVICE, name))
                .setRequestMarshaller(request)
                .setResponseMarshaller(reply)
                .build();
    }

    private static <T extends Message> Marshaller<T> marshaller(Parser<T> parser) {
        return new Marshaller<>() {
            @Override
            public InputStream stream(T value) {
                return new ByteArrayInputStream(value.toByteArray());
            }

            @Override
            public T parse(InputStream stream) {
                try {
                    return parser.parseFrom(stream);
                } catch (InvalidProtocolBufferException e) {
                    throw Status.INTERNAL.withCause(e).asRuntimeException();
                }
            }
        };
    }

    /** Ratis carries its own copy of protobuf, whose messages are other classes. */
    private record RatisMarshaller<T extends org.apache.ratis.thirdparty.com.google.protobuf.Message>(
            org.apache.ratis.thirdparty.com.google.protobuf.Parser<T> parser) implements Marshaller<T> {
        @Override
        public InputStream stream(T value) {
            return new ByteArrayInputStream(value.toByteArray());
        }

        @Override
        public T parse(InputStream stream) {
            try {
                return parser.parseFrom(stream);
            } catch (IOException e) {
                throw Status.INTERNAL.withCause(e).asRuntimeException();
            }
        }
    }
}
