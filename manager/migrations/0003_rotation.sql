-- SHA-256 of a token that an agent has been offered; the one before dies when the agent first registers with this one.
ALTER TABLE agents ADD COLUMN candidate_hash TEXT;
