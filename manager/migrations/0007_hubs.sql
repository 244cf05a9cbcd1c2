-- Hubs that hold sockets, or did when they last wrote here: after a change of HUB_SHARDS that may be others than the present ones.
CREATE TABLE hubs (
  name        TEXT PRIMARY KEY,
  parked      INTEGER NOT NULL,                -- transitions that this registry rejected and the hub keeps
  reported_at INTEGER                          -- when the hub last wrote that number; NULL before the first time
) STRICT;

-- The hub that wrote the presence of the agent: it has the agent's socket. NULL where a version wrote it that did not say.
ALTER TABLE agents ADD COLUMN hub TEXT;
-- The generation that `hub` belongs to. An older version leaves both as they are, so `hub` holds only if this equals `generation`.
ALTER TABLE agents ADD COLUMN hub_generation INTEGER;
