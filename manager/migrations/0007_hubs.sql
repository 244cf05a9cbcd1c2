-- Hubs that hold sockets, or did when they last wrote here: after a change of HUB_SHARDS that may be others than the present ones.
CREATE TABLE hubs (
  name   TEXT PRIMARY KEY,
  parked INTEGER NOT NULL                      -- transitions that this registry rejected and the hub keeps
) STRICT;

-- The hub that wrote the presence of the agent: it has the agent's socket. NULL where a version wrote it that did not say.
ALTER TABLE agents ADD COLUMN hub TEXT;
