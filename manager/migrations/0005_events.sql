-- Every transition of an agent's presence, as far as it is kept: manager/src/presence/timeline.ts says how far. A connection
-- has one beginning and one end, so a batch that is written twice changes nothing.
CREATE TABLE events (
  agent_id   TEXT NOT NULL,
  generation INTEGER NOT NULL,
  status     TEXT NOT NULL CHECK (status IN ('online', 'offline')),
  at         INTEGER NOT NULL,                 -- when the status began
  reason     TEXT,
  address    TEXT,
  close_code INTEGER,
  PRIMARY KEY (agent_id, generation, status)
) STRICT, WITHOUT ROWID;

-- What was known until now is where each timeline begins; else all of an agent's past would be the moment that it lost its
-- connection to the new version.
INSERT INTO events (agent_id, generation, status, at, reason, address)
  SELECT id, generation, status, since, reason, address FROM agents
  WHERE deleted_at IS NULL AND last_seen IS NOT NULL;

ALTER TABLE agents ADD COLUMN burst_at INTEGER; -- when the fifth-last transition was: what tells that it flaps
