-- Labels of agents, and of enrolment tokens for the agents that enrol with them. JSON, {"v", "labels": {key: value}}; NULL: none.
-- A version that does not know them leaves them as they are.
ALTER TABLE agents ADD COLUMN labels TEXT;
ALTER TABLE enrolments ADD COLUMN labels TEXT;

-- The index for label filters. Each label has two rows: its key, and `key=value`. The rows of a term are in the order of the list of
-- agents. Triggers keep it, so that it is right too if a version that does not know it renames, removes or deletes an agent.
-- Presence writes none of the columns that the triggers watch.
-- OR IGNORE: whoever loads data into a migrated database may have loaded these rows before.
CREATE TABLE agent_labels (
  term       TEXT NOT NULL,
  agent_name TEXT NOT NULL COLLATE NOCASE,
  agent_id   TEXT NOT NULL,
  PRIMARY KEY (term, agent_name, agent_id)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER agent_gains_labels AFTER INSERT ON agents WHEN NEW.labels IS NOT NULL
BEGIN
  INSERT OR IGNORE INTO agent_labels (term, agent_name, agent_id)
    SELECT key, NEW.name, NEW.id FROM json_each(NEW.labels, '$.labels')
    UNION ALL SELECT key || '=' || value, NEW.name, NEW.id FROM json_each(NEW.labels, '$.labels');
END;

CREATE TRIGGER agent_changes_labels AFTER UPDATE OF labels, name, deleted_at ON agents
  WHEN OLD.labels IS NOT NULL OR NEW.labels IS NOT NULL
BEGIN
  DELETE FROM agent_labels WHERE agent_name = OLD.name AND agent_id = OLD.id AND term IN (
    SELECT key FROM json_each(OLD.labels, '$.labels')
    UNION ALL SELECT key || '=' || value FROM json_each(OLD.labels, '$.labels'));
  INSERT OR IGNORE INTO agent_labels (term, agent_name, agent_id)
    SELECT key, NEW.name, NEW.id FROM json_each(NEW.labels, '$.labels') WHERE NEW.deleted_at IS NULL
    UNION ALL SELECT key || '=' || value, NEW.name, NEW.id FROM json_each(NEW.labels, '$.labels') WHERE NEW.deleted_at IS NULL;
END;

CREATE TRIGGER agent_loses_labels AFTER DELETE ON agents WHEN OLD.labels IS NOT NULL
BEGIN
  DELETE FROM agent_labels WHERE agent_name = OLD.name AND agent_id = OLD.id AND term IN (
    SELECT key FROM json_each(OLD.labels, '$.labels')
    UNION ALL SELECT key || '=' || value FROM json_each(OLD.labels, '$.labels'));
END;
