-- Rows that a user adds to `setting` and `rate` belong into a dump; those of the script, where the
-- condition says so, do not; those of `cache` never do.
CREATE TABLE setting(name text PRIMARY KEY, value text, is_ours boolean NOT NULL DEFAULT false);
INSERT INTO setting VALUES ('currency', 'EUR', true);
CREATE SEQUENCE rate_id;
CREATE TABLE rate(id int PRIMARY KEY DEFAULT nextval('rate_id'), percent numeric);
CREATE TABLE cache(id int, body text);
CREATE FUNCTION net(numeric) RETURNS numeric LANGUAGE sql IMMUTABLE AS 'SELECT $1 / 1.19';
SELECT pg_extension_config_dump('setting', 'WHERE NOT is_ours');
SELECT pg_extension_config_dump('rate', '');
SELECT pg_extension_config_dump('rate_id', '');
