-- Two live hosts with one identity, and how the second gets one of its own.
ALTER TABLE agents ADD COLUMN clone TEXT;           -- JSON, CloneReport: the latest sighting
ALTER TABLE agents ADD COLUMN separate_boot TEXT;   -- boot id of the host that is to be separated when it next connects
ALTER TABLE agents ADD COLUMN separated_from TEXT;  -- id of the agent that this one was a clone of; no use of the enrolment
