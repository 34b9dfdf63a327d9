package dev.matriarch.agent.rpc;

/** A service of the control port that is made before the agent whose words it passes on. */
public interface AsksTheAgent {
    /** Called once, before the port opens. */
    void agent(LocalAgent agent);
}
