package dev.matriarch.raft;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;

@AnalyzeClasses(packages = "dev.matriarch.raft", importOptions = ImportOption.DoNotIncludeTests.class)
class RoomsTest {
    @ArchTest
    static final ArchRule STATE_IS_PURE = classes()
            .that()
            .resideInAPackage("dev.matriarch.raft.state")
            .should()
            .onlyDependOnClassesThat()
            .resideInAnyPackage(
                    "dev.matriarch.raft.state",
                    "dev.matriarch.proto.store.v1",
                    "com.google.protobuf",
                    "java.lang..",
                    "java.util",
                    "java.util.function",
                    "java.util.stream",
                    "java.util.zip",
                    "java.nio",
                    "java.nio.charset");

    @ArchTest
    static final ArchRule STATE_HAS_NO_CLOCK = noClasses()
            .that()
            .resideInAPackage("dev.matriarch.raft.state")
            .should()
            .callMethod(System.class, "nanoTime")
            .orShould()
            .callMethod(System.class, "currentTimeMillis")
            .orShould()
            .dependOnClassesThat()
            .areAssignableTo(Thread.class)
            .orShould()
            .dependOnClassesThat()
            .areAssignableTo(java.util.Random.class);

    @ArchTest
    static final ArchRule STORE_KNOWS_NO_AGENT = noClasses()
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage("dev.matriarch.agent..", "dev.matriarch.restapi..", "dev.matriarch.ctl..");

    @ArchTest
    static final ArchRule ONLY_THE_TRANSPORT_MAKES_CONNECTIONS = noClasses()
            .that()
            .doNotHaveSimpleName("RaftTransport")
            .should()
            .dependOnClassesThat()
            .haveFullyQualifiedName("org.apache.ratis.thirdparty.io.grpc.netty.NettyChannelBuilder")
            .orShould()
            .dependOnClassesThat()
            .haveFullyQualifiedName("org.apache.ratis.server.RaftServer$Builder");
}
