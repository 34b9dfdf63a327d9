-- What Matriarch uses of Citus, for tests on hosts that do not have the extension. A client's statement goes to a group
-- through run_on(), which holds the group while it does, as the executor of Citus holds its shards; an update of the
-- group's primary waits for such statements and makes new ones wait.
CREATE TYPE noderole AS ENUM ('primary', 'secondary', 'unavailable');
CREATE TABLE pg_dist_node (
    nodeid serial PRIMARY KEY,
    groupid int NOT NULL,
    nodename text NOT NULL,
    nodeport int NOT NULL,
    noderole noderole NOT NULL,
    UNIQUE (nodename, nodeport));
CREATE TABLE pg_dist_authinfo (nodeid int, rolename name, authinfo text);

CREATE FUNCTION citus_add_node(text, int, int, noderole, name) RETURNS int LANGUAGE sql AS
    $$ INSERT INTO pg_dist_node (groupid, nodename, nodeport, noderole) VALUES ($3, $1, $2, $4) RETURNING nodeid $$;

CREATE FUNCTION citus_set_coordinator_host(text, int, noderole, name) RETURNS void LANGUAGE sql AS
    $$ INSERT INTO pg_dist_node (groupid, nodename, nodeport, noderole) VALUES (0, $1, $2, $3) $$;

CREATE FUNCTION citus_update_node(id int, host text, port int, force bool, lock_cooldown int) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    its pg_dist_node;
BEGIN
    SELECT * INTO STRICT its FROM pg_dist_node WHERE nodeid = id;
    IF its.noderole = 'primary' THEN
        PERFORM pg_advisory_xact_lock(4711, its.groupid);
    END IF;
    UPDATE pg_dist_node SET nodename = host, nodeport = port WHERE nodeid = id;
END $$;

CREATE FUNCTION citus_remove_node(host text, port int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM pg_dist_node WHERE nodename = host AND nodeport = port AND noderole = 'primary') THEN
        RAISE 'cannot remove the primary node, it holds shards';
    END IF;
    DELETE FROM pg_dist_node WHERE nodename = host AND nodeport = port;
END $$;

CREATE FUNCTION hold_group(int) RETURNS void LANGUAGE sql AS $$ SELECT pg_advisory_xact_lock_shared(4711, $1) $$;
