-- How often the API's description of an agent has changed, apart from its presence. Clients of the live feed tell by it which of
-- two descriptions is newer. A version that does not know it leaves it as it is.
ALTER TABLE agents ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;
