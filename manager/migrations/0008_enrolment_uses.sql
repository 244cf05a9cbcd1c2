-- How many agents came from an enrolment: counting them at each enrolment would read them all. Triggers keep the number, so
-- that a version which does not know it keeps it right too. A separated agent is no use.
ALTER TABLE enrolments ADD COLUMN uses INTEGER NOT NULL DEFAULT 0;

-- An upsert that finds its agent fires the triggers of an update, and so counts nothing.
CREATE TRIGGER agent_uses_enrolment AFTER INSERT ON agents WHEN NEW.separated_from IS NULL
BEGIN
  UPDATE enrolments SET uses = uses + 1 WHERE id = NEW.enrolment_id;
END;

CREATE TRIGGER agent_frees_enrolment AFTER DELETE ON agents WHEN OLD.separated_from IS NULL
BEGIN
  UPDATE enrolments SET uses = uses - 1 WHERE id = OLD.enrolment_id;
END;

-- After the triggers: an agent that enrols between two statements of this file is counted once, not twice.
UPDATE enrolments SET uses = (SELECT count(*) FROM agents WHERE enrolment_id = enrolments.id AND separated_from IS NULL);

-- Whether a clone of an agent has been separated. Few rows are in it, and presence writes none.
CREATE INDEX agents_by_origin ON agents (separated_from) WHERE separated_from IS NOT NULL;
