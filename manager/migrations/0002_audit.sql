-- Who did what. No token and no password ever stands in it.
CREATE TABLE audit (
  id      INTEGER PRIMARY KEY AUTOINCREMENT,
  at      INTEGER NOT NULL,
  via     TEXT NOT NULL,                       -- how the operator proved to be one: 'password' or 'session'
  address TEXT,
  action  TEXT NOT NULL,
  target  TEXT,                                -- id of the agent or enrolment
  detail  TEXT                                 -- JSON
) STRICT;
