-- The audit trail is read by target and by action, the newest first. Its rows are never deleted, so a scan would grow for ever.
-- The id is the last column of each index in any case.
CREATE INDEX audit_by_target ON audit (target) WHERE target IS NOT NULL;
CREATE INDEX audit_by_action ON audit (action);
