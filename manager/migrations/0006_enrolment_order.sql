-- Generation of the connection whose enrolment gave the agent its token: one that was admitted earlier and is written later
-- must not replace it. 0 where it was given by a version that did not keep it.
ALTER TABLE agents ADD COLUMN enrolled_generation INTEGER NOT NULL DEFAULT 0;
