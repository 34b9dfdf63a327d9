package dev.matriarch.ctl;

import java.util.Arrays;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Supplier;

/**
 * The commands by their names, in the order of the help. Reading the options of one takes milliseconds, of all of them longer
 * than most of them work: only those are read that the command line may mean.
 */
final class Verbs {
    static final Map<String, Supplier<Object>> ALL = new LinkedHashMap<>();

    static {
        ALL.put("list", ListCommand::new);
        ALL.put("topology", TopologyCommand::new);
        ALL.put("switchover", SwitchoverCommand::new);
        ALL.put("failover", FailoverCommand::new);
        ALL.put("restart", RestartCommand::new);
        ALL.put("reinit", ReinitCommand::new);
        ALL.put("reload", ReloadCommand::new);
        ALL.put("flush", FlushCommand::new);
        ALL.put("pause", PauseCommand::new);
        ALL.put("resume", ResumeCommand::new);
        ALL.put("show-config", ShowConfigCommand::new);
        ALL.put("edit-config", EditConfigCommand::new);
        ALL.put("demote-cluster", DemoteClusterCommand::new);
        ALL.put("promote-cluster", PromoteClusterCommand::new);
        ALL.put("explain", ExplainCommand::new);
        ALL.put("doctor", DoctorCommand::new);
        ALL.put("history", HistoryCommand::new);
        ALL.put("timeline", TimelineCommand::new);
        ALL.put("top", TopCommand::new);
        ALL.put("replay", ReplayCommand::new);
        ALL.put("dsn", DsnCommand::new);
        ALL.put("query", QueryCommand::new);
        ALL.put("render", RenderCommand::new);
        ALL.put("raft", RaftCommand::new);
        ALL.put("cert", CertCommand::new);
        ALL.put("cluster", ClusterCommand::new);
        ALL.put("migrate", MigrateCommand::new);
        ALL.put("recover", RecoverCommand::new);
        ALL.put("remove", RemoveCommand::new);
        ALL.put("completion", CompletionCommand::new);
        ALL.put("write-man-pages", ManPagesCommand::new);
        ALL.put("version", VersionCommand::new);
        ALL.put("scaffold", GoneCommand::scaffold);
        ALL.put("configure", GoneCommand::configure);
    }

    private Verbs() {}

    /**
     * The names that occur in {@code args}: the command is one of them, if it is any, though another may be the value of an
     * option. All of them if there is none, for the help and for advice on a mistyped one.
     */
    static Collection<String> among(String[] args) {
        Collection<String> named = ALL.keySet().stream()
                .filter(verb -> Arrays.asList(args).contains(verb))
                .toList();
        return named.isEmpty() || isHelp(args[0]) ? ALL.keySet() : named;
    }

    private static boolean isHelp(String arg) {
        return arg.equals("-h") || arg.equals("--help");
    }
}
