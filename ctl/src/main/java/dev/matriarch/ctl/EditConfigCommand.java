package dev.matriarch.ctl;

import dev.matriarch.proto.control.v1.GetConfigReply;
import dev.matriarch.proto.control.v1.GetConfigRequest;
import dev.matriarch.proto.control.v1.SetConfigReply;
import dev.matriarch.proto.control.v1.SetConfigRequest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

@Command(name = "edit-config", description = "Change the cluster-wide configuration.")
final class EditConfigCommand implements Callable<Integer> {
    private static final String VERB = "edit-config";

    @ParentCommand
    private Matriarchctl ctl;

    @Parameters(arity = "0..1", paramLabel = "CLUSTER")
    private String cluster;

    @Option(
            names = {"-q", "--quiet"},
            description = "Do not show the difference.")
    private boolean quiet;

    @Option(
            names = {"-s", "--set"},
            paramLabel = "KEY=VALUE",
            description = "Set a.b.c to a YAML value; null removes.")
    private List<String> settings = new ArrayList<>();

    @Option(
            names = {"-p", "--pg"},
            paramLabel = "PARAMETER=VALUE",
            description = "Set a PostgreSQL parameter; null removes.")
    private List<String> parameters = new ArrayList<>();

    @Option(names = "--apply", paramLabel = "FILE", description = "Merge this YAML; - is standard input.")
    private String apply;

    @Option(names = "--replace", paramLabel = "FILE", description = "Replace all by this YAML; - is standard input.")
    private String replace;

    @Option(names = "--force", description = "Do not ask.")
    private boolean force;

    @Mixin
    private Report report;

    @Override
    public Integer call() throws Exception {
        return report.told(ctl, this::carryOut);
    }

    private int carryOut() throws IOException, InterruptedException {
        Terminal terminal = ctl.terminal();
        if (!force && ("-".equals(apply) || "-".equals(replace))) {
            throw CtlException.usage("Use --force option to apply changes");
        }
        try (Agents agents = ctl.reach(cluster)) {
            String scope = agents.cluster().getScope();
            GetConfigReply stored = agents.call(stub -> stub.getConfig(GetConfigRequest.getDefaultInstance()));
            if (!stored.getExists()) {
                throw CtlException.refused("The config key does not exist in the cluster " + scope);
            }
            Map<String, Object> before = Json.object(stored.getJson());
            Map<String, Object> after = changed(before, scope, terminal);
            String oldText = Yaml.sorted(before);
            String newText = Yaml.sorted(after);
            if (oldText.equals(newText)) {
                terminal.print("Not changed");
                told(scope, "", 200, "Not changed");
                return 0;
            }
            if (!quiet) {
                ConfigChange.diff(oldText, newText).forEach(terminal::print);
            }
            if (!force && !terminal.confirm("Apply these changes?")) {
                throw CtlException.refused("Aborted!");
            }
            String id = Following.newId();
            SetConfigReply reply = report.given(
                    scope,
                    VERB,
                    List.of(),
                    id,
                    () -> agents.call(stub -> stub.setConfig(SetConfigRequest.newBuilder()
                            .setJson(Json.text(after))
                            .setExpectedRevision(stored.getRevision())
                            .setActionId(id)
                            .build())));
            if (reply.getConflict()) {
                throw refused(scope, reply, 409, "Config modification aborted due to concurrent changes");
            }
            if (!reply.getWritten()) {
                // Only what was begun has an id: then it is the store that did not confirm it.
                throw refused(scope, reply, reply.getActionId().isEmpty() ? 400 : 503, reply.getProblem());
            }
            terminal.print("Configuration changed");
            told(scope, reply.getActionId(), 200, "Configuration changed");
            return 0;
        }
    }

    private CtlException refused(String scope, SetConfigReply reply, int status, String why) {
        told(scope, reply.getActionId(), status, why);
        return CtlException.refused(why);
    }

    private void told(String scope, String id, int status, String message) {
        report.add(scope, VERB, List.of(), id, status, message);
    }

    private Map<String, Object> changed(Map<String, Object> before, String scope, Terminal terminal)
            throws IOException, InterruptedException {
        if (apply == null && replace == null && settings.isEmpty() && parameters.isEmpty()) {
            return edited(before, scope, terminal);
        }
        Map<String, Object> config = new LinkedHashMap<>(before);
        if (replace != null) {
            config = ConfigChange.patch(Map.of(), Yaml.map(text(replace, terminal), replace));
        }
        if (apply != null) {
            config = ConfigChange.patch(config, Yaml.map(text(apply, terminal), apply));
        }
        for (String setting : settings) {
            config = ConfigChange.set(config, setting);
        }
        for (String parameter : parameters) {
            config = ConfigChange.set(config, "postgresql.parameters." + parameter);
        }
        return config;
    }

    private static String text(String file, Terminal terminal) {
        try {
            return file.equals("-") ? terminal.rest() : Files.readString(Path.of(file));
        } catch (IOException e) {
            throw CtlException.refused("cannot read " + file + ": " + e.getMessage());
        }
    }

    private Map<String, Object> edited(Map<String, Object> before, String scope, Terminal terminal)
            throws IOException, InterruptedException {
        List<String> command = editor(terminal);
        // Readable for its owner only: the file's permissions are those of createTempFile.
        Path file = Files.createTempFile(scope.replace('/', '_') + "-config-", ".yaml");
        try {
            Files.writeString(file, Yaml.sorted(before));
            command.add(file.toString());
            int code = editorProcess(command).start().waitFor();
            if (code != 0) {
                throw CtlException.refused("Editor exited with return code " + code);
            }
            return ConfigChange.patch(Map.of(), Yaml.map(Files.readString(file), "the edited text"));
        } finally {
            Files.deleteIfExists(file);
        }
    }

    /** The standard output is for the document: whoever edits sees the editor all the same. */
    private ProcessBuilder editorProcess(List<String> command) {
        ProcessBuilder process = new ProcessBuilder(command).inheritIO();
        if (!report.isForPrograms()) {
            return process;
        }
        // A child is given no stream of this process but by inheriting it in its own place: the shell swaps them.
        List<String> aside = new ArrayList<>(List.of("/bin/sh", "-c", "exec \"$@\" >&2", "editor"));
        aside.addAll(command);
        return process.command(aside);
    }

    private static List<String> editor(Terminal terminal) {
        String chosen = terminal.environment("EDITOR").strip();
        if (!chosen.isEmpty()) {
            return new ArrayList<>(List.of(chosen.split("\\s+")));
        }
        for (String name : List.of("editor", "vi")) {
            for (String directory : terminal.environment("PATH").split(":")) {
                Path path = Path.of(directory.isEmpty() ? "." : directory, name);
                if (Files.isExecutable(path)) {
                    return new ArrayList<>(List.of(path.toString()));
                }
            }
        }
        throw CtlException.refused("EDITOR environment variable is not set. editor or vi are not available");
    }
}
