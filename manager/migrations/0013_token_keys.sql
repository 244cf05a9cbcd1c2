-- The id of the key that signed an agent's token, and the hash of that token. If that is not the hash of the present token, a
-- release that does not know these columns has replaced the token, and its key is not known.
ALTER TABLE agents ADD COLUMN key_id TEXT;
ALTER TABLE agents ADD COLUMN keyed_hash TEXT;
