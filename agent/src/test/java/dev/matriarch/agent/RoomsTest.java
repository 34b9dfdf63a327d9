package dev.matriarch.agent;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;

/** The arrows between the rooms of ARCHITECTURE.md. */
@AnalyzeClasses(packages = "dev.matriarch", importOptions = ImportOption.DoNotIncludeTests.class)
class RoomsTest {
    @ArchTest
    static final ArchRule decisionsKnowOnlyTheClusterModelAndDataTypes = classes()
            .that()
            .resideInAPackage("dev.matriarch.agent.ha..")
            .should()
            .onlyDependOnClassesThat()
            .resideInAnyPackage(
                    "dev.matriarch.agent.ha..",
                    "dev.matriarch.dcs",
                    "java.lang",
                    "java.math",
                    "java.lang.runtime",
                    "java.lang.invoke",
                    "java.net",
                    "java.time",
                    "java.util",
                    "java.util.function",
                    "java.util.regex",
                    "java.util.stream");

    @ArchTest
    static final ArchRule decisionsReadNoClockAndStartNoThread = noClasses()
            .that()
            .resideInAPackage("dev.matriarch.agent.ha..")
            .should()
            .callMethod(System.class, "nanoTime")
            .orShould()
            .callMethod(System.class, "currentTimeMillis")
            .orShould()
            .callMethod(java.time.Instant.class, "now")
            .orShould()
            .dependOnClassesThat()
            .areAssignableTo(Thread.class);

    @ArchTest
    static final ArchRule aDiagnosisKnowsOnlyWhatItIsTold = noClasses()
            .that()
            .resideInAPackage("dev.matriarch.agent.diagnosis..")
            .should()
            .callMethod(System.class, "nanoTime")
            .orShould()
            .callMethod(System.class, "currentTimeMillis")
            .orShould()
            .callMethod(java.time.Instant.class, "now")
            .orShould()
            .dependOnClassesThat()
            .areAssignableTo(Thread.class)
            .orShould()
            .dependOnClassesThat()
            .resideInAnyPackage(
                    "java.io..",
                    "java.nio..",
                    "java.sql..",
                    "io.grpc..",
                    "dev.matriarch.agent.rpc..",
                    "dev.matriarch.agent.postgres..");

    @ArchTest
    static final ArchRule onlyTheMainClassKnowsWhichStoreItIs = noClasses()
            .that()
            .resideInAPackage("dev.matriarch.agent.*..")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage(
                    "dev.matriarch.raft..",
                    "dev.matriarch.etcd..",
                    "dev.matriarch.consul..",
                    "dev.matriarch.zookeeper..",
                    "dev.matriarch.kubernetes..",
                    "io.fabric8..",
                    "dev.matriarch.dcs.http..",
                    "org.apache.ratis..",
                    "org.apache.zookeeper..",
                    "org.apache.curator..");

    @ArchTest
    static final ArchRule nothingBelowKnowsTheAgent = noClasses()
            .that()
            .resideInAnyPackage(
                    "dev.matriarch.dcs..",
                    "dev.matriarch.raft..",
                    "dev.matriarch.etcd..",
                    "dev.matriarch.consul..",
                    "dev.matriarch.zookeeper..",
                    "dev.matriarch.kubernetes..",
                    "dev.matriarch.rest..",
                    "dev.matriarch.proto..",
                    "dev.matriarch.tls..")
            .should()
            .dependOnClassesThat()
            .resideInAPackage("dev.matriarch.agent..");

    @ArchTest
    static final ArchRule doorsSeeTheAgentThroughTheirOwnInterfaces = noClasses()
            .that()
            .resideInAnyPackage("dev.matriarch.rest..", "dev.matriarch.agent.rpc..")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage(
                    "dev.matriarch.agent.loop..", "dev.matriarch.agent.postgres..", "dev.matriarch.agent.fencing..");

    @ArchTest
    static final ArchRule roomsFormNoCircle =
            slices().matching("dev.matriarch.(**)").should().beFreeOfCycles();
}
