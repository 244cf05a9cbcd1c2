-- The last time that a host showed the token of an enrolment and was refused. A version that does not know these columns leaves
-- them as they are.
ALTER TABLE enrolments ADD COLUMN refused_at INTEGER;
ALTER TABLE enrolments ADD COLUMN refusal_code TEXT;
ALTER TABLE enrolments ADD COLUMN refused_address TEXT;
ALTER TABLE enrolments ADD COLUMN refused_hostname TEXT;
