-- The registry of record: who may connect, and what was last known of each.
-- Times are Unix milliseconds. Presence columns are written by the hubs' outboxes, only forward in `generation`.

CREATE TABLE enrolments (
  id         TEXT PRIMARY KEY,
  name       TEXT,
  max_uses   INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  revoked_at INTEGER
) STRICT;

CREATE TABLE agents (
  id           TEXT PRIMARY KEY,               -- derived from enrolment_id and install_id
  enrolment_id TEXT NOT NULL REFERENCES enrolments (id),
  install_id   TEXT NOT NULL,
  name         TEXT NOT NULL,
  token_hash   TEXT NOT NULL,                  -- SHA-256 of the agent token, hex
  created_at   INTEGER NOT NULL,
  revoked_at   INTEGER,
  deleted_at   INTEGER,                        -- a tombstone: the token stays refused
  generation   INTEGER NOT NULL,               -- of the connection that wrote the columns below
  status       TEXT NOT NULL CHECK (status IN ('online', 'offline')),
  reason       TEXT,
  since        INTEGER NOT NULL,
  last_seen    INTEGER,
  connected_at INTEGER,
  address      TEXT,
  version      TEXT NOT NULL,
  os           TEXT NOT NULL,
  arch         TEXT NOT NULL,
  hostname     TEXT NOT NULL
) STRICT;

-- The list of agents is read in this order, once a second by every open dashboard.
CREATE INDEX agents_by_name ON agents (name COLLATE NOCASE, id) WHERE deleted_at IS NULL;

-- Uses of an enrolment are its distinct agents.
CREATE INDEX agents_by_enrolment ON agents (enrolment_id);

CREATE TABLE sessions (
  id_hash      TEXT PRIMARY KEY,               -- SHA-256 of the cookie's value and the password, hex
  created_at   INTEGER NOT NULL,
  last_used_at INTEGER NOT NULL
) STRICT;
