-- One of every kind of object that PostgreSQL 15 has, and the odd cases of each.
-- @FILE@: a file that the server can read, @PORT@: its port, @DATABASE@: the name of this database.
CREATE SCHEMA shop AUTHORIZATION shop_owner;
COMMENT ON SCHEMA shop IS E'where it''s sold\nsecond line';
CREATE SCHEMA api;
CREATE SCHEMA empty_schema;
SET search_path = shop, public;

-- extensions
CREATE EXTENSION hstore WITH SCHEMA public;
CREATE EXTENSION citext WITH SCHEMA public;
CREATE EXTENSION btree_gist WITH SCHEMA public;
CREATE EXTENSION pg_trgm WITH SCHEMA api;
CREATE EXTENSION file_fdw WITH SCHEMA public;
CREATE EXTENSION postgres_fdw WITH SCHEMA public;
CREATE SCHEMA till;
CREATE EXTENSION till;
COMMENT ON EXTENSION till IS 'ours';
INSERT INTO till.setting VALUES ('printer', E'a\tb', false);
INSERT INTO till.rate(percent) VALUES (19), (7);
INSERT INTO till.cache VALUES (1, 'not to be dumped');
GRANT SELECT ON till.setting TO clerk;

-- types
CREATE TYPE level AS ENUM ('low', 'high');
CREATE TYPE "Shell type";
CREATE DOMAIN email AS public.citext;
ALTER DOMAIN email ADD CONSTRAINT has_at CHECK (VALUE ~ '@') NOT VALID;
COMMENT ON DOMAIN email IS 'with @';
COMMENT ON CONSTRAINT has_at ON DOMAIN email IS 'why';
GRANT USAGE ON TYPE level TO clerk;
REVOKE USAGE ON TYPE level FROM public;
CREATE COLLATION german (provider = icu, locale = 'de-u-co-phonebk');
CREATE COLLATION no_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);

-- functions, procedures, aggregates, operators, casts
CREATE FUNCTION half(a integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 7
  SET search_path FROM CURRENT SET work_mem = '9MB' AS $f$BEGIN RETURN a / 2; -- $$ and '
END$f$;
CREATE FUNCTION half(a bigint) RETURNS bigint LANGUAGE sql IMMUTABLE RETURN a / 2;
CREATE FUNCTION many(OUT a int, INOUT b text DEFAULT 'x', VARIADIC c int[] DEFAULT '{}') RETURNS SETOF record
  LANGUAGE plpgsql SECURITY DEFINER LEAKPROOF ROWS 3 AS 'BEGIN a := 1; RETURN NEXT; END';
CREATE FUNCTION atomic_body(n int) RETURNS TABLE(x int, y text) LANGUAGE sql
  BEGIN ATOMIC SELECT g, g::text FROM generate_series(1, n) g; SELECT 1, 'x'::text; END;
CREATE PROCEDURE reset_all(INOUT n int) LANGUAGE plpgsql AS 'BEGIN n := n + 1; COMMIT; END';
REVOKE ALL ON FUNCTION half(integer) FROM public;
GRANT EXECUTE ON FUNCTION half(integer) TO clerk WITH GRANT OPTION;
ALTER FUNCTION half(bigint) OWNER TO shop_owner;
CREATE FUNCTION product_step(float8, float8) RETURNS float8 LANGUAGE sql IMMUTABLE AS 'SELECT $1 * $2';
CREATE AGGREGATE product(float8) (SFUNC = product_step, STYPE = float8, INITCOND = '1', PARALLEL = safe);
CREATE AGGREGATE first_percentile(float8 ORDER BY anyelement) (SFUNC = ordered_set_transition,
  STYPE = internal, FINALFUNC = percentile_disc_final, FINALFUNC_EXTRA);
CREATE FUNCTION near(integer, integer) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT abs($1 - $2) < 2';
CREATE OPERATOR ~~~ (LEFTARG = integer, RIGHTARG = integer, FUNCTION = near, COMMUTATOR = ~~~, RESTRICT = eqsel);
CREATE FUNCTION reverse_compare(integer, integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT $2 - $1';
CREATE OPERATOR FAMILY backwards USING btree;
CREATE OPERATOR CLASS backwards_int FOR TYPE integer USING btree FAMILY backwards AS OPERATOR 1 >,
  OPERATOR 2 >=, OPERATOR 3 =, OPERATOR 4 <=, OPERATOR 5 <, FUNCTION 1 reverse_compare(integer, integer);
CREATE TYPE money_cents AS (cents bigint);
CREATE FUNCTION to_cents(integer) RETURNS money_cents LANGUAGE sql IMMUTABLE AS 'SELECT ROW($1)::money_cents';
CREATE CAST (integer AS money_cents) WITH FUNCTION to_cents(integer) AS ASSIGNMENT;
CREATE CAST (money_cents AS text) WITH INOUT;
CREATE CONVERSION own_conversion FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
CREATE TRANSFORM FOR integer LANGUAGE plpgsql (FROM SQL WITH FUNCTION prsd_lextype(internal));
CREATE ACCESS METHOD own_heap TYPE TABLE HANDLER heap_tableam_handler;
CREATE FUNCTION own_handler() RETURNS language_handler LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_call_handler';
CREATE TRUSTED LANGUAGE plown HANDLER own_handler;
CREATE FUNCTION in_plown() RETURNS integer LANGUAGE plown AS 'BEGIN RETURN 1; END';
GRANT USAGE ON LANGUAGE plpgsql TO clerk;

-- tables
CREATE TABLE customer(id integer GENERATED ALWAYS AS IDENTITY (START 10 INCREMENT 5 MAXVALUE 1000000 CYCLE) PRIMARY KEY,
  name text NOT NULL COLLATE "C", mail email, extra hstore, spent numeric DEFAULT 0 CHECK (spent >= 0),
  twice numeric GENERATED ALWAYS AS (spent * 2) STORED, best integer, "Level" level DEFAULT 'low',
  since timestamptz DEFAULT '2026-01-01 00:00+00', note text COMPRESSION lz4, raw bytea,
  gone integer, CONSTRAINT name_is_short CHECK (length(name) < 1000) NO INHERIT);
ALTER TABLE customer OWNER TO shop_owner;
ALTER TABLE customer DROP COLUMN gone;
ALTER TABLE customer ALTER COLUMN raw SET STORAGE EXTERNAL;
ALTER TABLE customer ALTER COLUMN name SET STATISTICS 1000, ALTER COLUMN name SET (n_distinct = -0.5);
ALTER TABLE customer SET (fillfactor = 70, autovacuum_enabled = false, toast.autovacuum_enabled = false);
COMMENT ON TABLE customer IS 'who buys';
COMMENT ON COLUMN customer."Level" IS 'low'' or high';
CREATE TABLE orders(id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, customer integer NOT NULL,
  previous bigint REFERENCES orders DEFERRABLE INITIALLY DEFERRED, total numeric(12,2), at timestamptz,
  CONSTRAINT of_customer FOREIGN KEY (customer) REFERENCES customer ON DELETE CASCADE ON UPDATE SET NULL)
  TABLESPACE fast;
ALTER TABLE customer ADD CONSTRAINT best_order FOREIGN KEY (best) REFERENCES orders(id) MATCH FULL
  DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE orders ADD CONSTRAINT not_checked CHECK (total < 100) NOT VALID;
INSERT INTO customer(name, mail, extra, spent, note, raw) SELECT 'name ' || g, 'a' || g || '@b', 'k=>v', g,
  repeat('compress me ', g * 10), sha256(g::text::bytea) FROM generate_series(1, 500) g;
BEGIN;
INSERT INTO orders(customer, previous, total, at) SELECT 10 + 5 * (g % 100), g % 2000 + 1, 50, 'epoch'
  FROM generate_series(1, 2000) g;
UPDATE customer SET best = id WHERE id < 1000;
COMMIT;
INSERT INTO orders(customer, total) OVERRIDING SYSTEM VALUE SELECT 10, 99 FROM generate_series(1, 3);
CREATE TABLE no_columns();
INSERT INTO no_columns SELECT FROM generate_series(1, 7);
CREATE TABLE no_rows(a int PRIMARY KEY, b text);
CREATE TABLE no_key(a int, b text) WITH (autovacuum_enabled = off);
INSERT INTO no_key SELECT g % 3, NULLIF(repeat('x', g % 3), 'x') FROM generate_series(1, 1000) g;
CREATE TABLE only_generated(a int GENERATED ALWAYS AS (1 + 1) STORED);
INSERT INTO only_generated SELECT FROM generate_series(1, 5);
CREATE UNLOGGED TABLE scratch(id int PRIMARY KEY, t text);
INSERT INTO scratch VALUES (1, 'unlogged');
CREATE TABLE typed OF money_cents (cents WITH OPTIONS DEFAULT 5 NOT NULL);
INSERT INTO typed VALUES (1), (DEFAULT);
CREATE TABLE in_own_am(a int) USING own_heap;
INSERT INTO in_own_am VALUES (1);
CREATE TABLE dropped_columns(a int, x1 text, b int, x2 int, c text DEFAULT 'c');
INSERT INTO dropped_columns SELECT g, 'x', g, g, 'y' FROM generate_series(1, 100) g;
ALTER TABLE dropped_columns DROP x1, DROP x2, ADD d int DEFAULT 42;
CREATE TABLE replicated(a int NOT NULL, b text);
CREATE UNIQUE INDEX replicated_a ON replicated(a);
ALTER TABLE replicated REPLICA IDENTITY USING INDEX replicated_a;
CREATE TABLE full_identity(a int);
ALTER TABLE full_identity REPLICA IDENTITY FULL;

-- two tables that refer to one another and cannot be empty in between
CREATE TABLE hen(id int PRIMARY KEY, egg int NOT NULL);
CREATE TABLE egg(id int PRIMARY KEY, hen int NOT NULL REFERENCES hen DEFERRABLE INITIALLY IMMEDIATE);
ALTER TABLE hen ADD FOREIGN KEY (egg) REFERENCES egg DEFERRABLE INITIALLY DEFERRED;
BEGIN;
INSERT INTO hen VALUES (1, 1), (2, 2);
INSERT INTO egg VALUES (1, 2), (2, 1);
COMMIT;

-- indexes and constraints
CREATE INDEX ON customer USING btree (lower(name) COLLATE german text_pattern_ops DESC NULLS LAST) INCLUDE (spent)
  WITH (fillfactor = 50) TABLESPACE "slow ""one""" WHERE spent > 5;
CREATE INDEX customer_by_trigram ON customer USING gin (name api.gin_trgm_ops);
CREATE INDEX customer_by_half ON customer (half(id) backwards_int);
ALTER INDEX customer_by_half ALTER COLUMN 1 SET STATISTICS 500;
COMMENT ON INDEX customer_by_trigram IS 'search';
ALTER TABLE customer CLUSTER ON customer_pkey;
CREATE INDEX orders_brin ON orders USING brin (at) WITH (pages_per_range = 16);
CREATE INDEX orders_hash ON orders USING hash (customer);
CREATE TABLE nulls(a int, b int, UNIQUE NULLS NOT DISTINCT (a), CONSTRAINT ab UNIQUE (a, b) DEFERRABLE);
INSERT INTO nulls VALUES (NULL, 1), (1, NULL);
CREATE TABLE booking(room int, during tsrange, EXCLUDE USING gist (room WITH =, during WITH &&)
  WHERE (room > 0) DEFERRABLE);
INSERT INTO booking VALUES (1, '[2026-01-01,2026-01-02)'), (1, '[2026-01-02,2026-01-03)'), (0, '(,)'), (0, '(,)');
CREATE UNIQUE INDEX booking_room ON booking ((room * 2), (lower(during))) WHERE room > 0;
CREATE STATISTICS customer_stats (ndistinct, dependencies, mcv) ON name, spent FROM customer;
CREATE STATISTICS customer_expression ON (spent * 2), lower(name) FROM customer;
ALTER STATISTICS customer_stats SET STATISTICS 200;
COMMENT ON STATISTICS customer_stats IS 'of two columns';

-- sequences
CREATE SEQUENCE never_called START 42;
CREATE SEQUENCE downwards AS smallint INCREMENT -3 MINVALUE -30 MAXVALUE 30 START 30 CACHE 5;
SELECT nextval('downwards') FROM generate_series(1, 3);
CREATE SEQUENCE round_and_round MAXVALUE 3 CYCLE;
SELECT nextval('round_and_round') FROM generate_series(1, 5);
CREATE SEQUENCE at_the_end MAXVALUE 9223372036854775807;
SELECT setval('at_the_end', 9223372036854775807);
CREATE SEQUENCE owned_by OWNED BY no_key.a;
CREATE UNLOGGED SEQUENCE unlogged_sequence;
SELECT nextval('unlogged_sequence');
CREATE TABLE with_serial(id bigserial, t text);
INSERT INTO with_serial(t) VALUES ('a'), ('b');
GRANT USAGE ON SEQUENCE never_called TO clerk;

-- partitions, inheritance
CREATE TABLE event(at date NOT NULL, kind text, id int, body text, PRIMARY KEY (at, kind, id)) PARTITION BY RANGE (at);
CREATE TABLE event_2025 PARTITION OF event FOR VALUES FROM (MINVALUE) TO ('2026-01-01') TABLESPACE fast;
CREATE TABLE event_2026 PARTITION OF event FOR VALUES FROM ('2026-01-01') TO ('2027-01-01') PARTITION BY LIST (kind);
CREATE TABLE event_2026_ab PARTITION OF event_2026 FOR VALUES IN ('a', 'b', 'it''s') PARTITION BY HASH (id);
CREATE TABLE event_2026_ab_0 PARTITION OF event_2026_ab FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE event_2026_ab_1(body text, dropped int, id int NOT NULL, kind text NOT NULL, at date NOT NULL);
ALTER TABLE event_2026_ab_1 DROP dropped;
ALTER TABLE event_2026_ab ATTACH PARTITION event_2026_ab_1 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE event_2026_rest PARTITION OF event_2026 DEFAULT;
CREATE TABLE event_rest PARTITION OF event DEFAULT;
CREATE INDEX event_body ON event (lower(body));
CREATE INDEX event_2025_own ON event_2025 (body);
CREATE INDEX event_only ON ONLY event (kind);
INSERT INTO event SELECT date '2025-06-01' + g, (ARRAY['a', 'b', 'it''s', 'z'])[g % 4 + 1], g, 'body ' || g
  FROM generate_series(1, 1200) g;
CREATE TABLE by_expression(a int, b text) PARTITION BY RANGE ((a % 10), b);
CREATE TABLE by_expression_1 PARTITION OF by_expression FOR VALUES FROM (0, MINVALUE) TO (5, 'm');
CREATE TABLE no_partitions(a int) PARTITION BY LIST (a);
CREATE TABLE by_enum(l level, t text) PARTITION BY HASH (l);
CREATE TABLE by_enum_0 PARTITION OF by_enum FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE by_enum_1 PARTITION OF by_enum FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO by_enum SELECT (ARRAY['low', 'high']::level[])[g % 2 + 1], g::text FROM generate_series(1, 50) g;
CREATE TABLE parent(a int CHECK (a > 0), b text DEFAULT 'p');
CREATE TABLE parent2(c int NOT NULL);
CREATE TABLE child(d int) INHERITS (parent, parent2);
ALTER TABLE child ALTER b SET DEFAULT 'c', ADD CHECK (d < 10);
INSERT INTO parent VALUES (1), (2);
INSERT INTO child VALUES (3, 'x', 4, 5);

-- views, rules, triggers
CREATE VIEW good_customer WITH (security_barrier, security_invoker) AS SELECT id, name, spent FROM customer
  WHERE spent > 100 WITH LOCAL CHECK OPTION;
CREATE VIEW loop_a AS SELECT 1 AS x;
CREATE VIEW loop_b AS SELECT x FROM loop_a;
CREATE OR REPLACE VIEW loop_a AS SELECT 2 AS x;
CREATE RECURSIVE VIEW counted(n) AS VALUES (1) UNION ALL SELECT n + 1 FROM counted WHERE n < 5;
ALTER VIEW good_customer ALTER COLUMN spent SET DEFAULT 5;
CREATE VIEW grouped AS SELECT c.*, count(o.id) FROM customer c LEFT JOIN orders o ON o.customer = c.id GROUP BY c.id;
CREATE MATERIALIZED VIEW spent_by_level TABLESPACE fast AS SELECT "Level", sum(spent) FROM customer GROUP BY 1;
CREATE UNIQUE INDEX ON spent_by_level ("Level");
CREATE MATERIALIZED VIEW of_matview AS SELECT count(*) FROM spent_by_level;
CREATE MATERIALIZED VIEW not_yet AS SELECT 1 / 0 AS x WITH NO DATA;
CREATE MATERIALIZED VIEW by_own_function AS SELECT half(10::bigint) AS h, till.net(119);
CREATE RULE no_delete AS ON DELETE TO no_key WHERE OLD.a = 1 DO INSTEAD NOTHING;
CREATE RULE log_insert AS ON INSERT TO good_customer DO INSTEAD INSERT INTO no_rows VALUES (NEW.id, NEW.name);
ALTER TABLE no_key DISABLE RULE no_delete;
CREATE FUNCTION api.touch() RETURNS trigger LANGUAGE plpgsql AS
  $$BEGIN IF TG_OP = 'INSERT' THEN NEW.note = 'a trigger was here'; END IF; RETURN NEW; END$$;
CREATE TRIGGER touch BEFORE INSERT OR UPDATE OF name, spent ON customer FOR EACH ROW
  WHEN (NEW.spent > 10000) EXECUTE FUNCTION api.touch();
CREATE TRIGGER never AFTER DELETE ON customer REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION api.touch('a', 'b''c');
ALTER TABLE customer DISABLE TRIGGER never;
CREATE TRIGGER always BEFORE INSERT ON customer FOR EACH ROW WHEN (NEW.id < 0) EXECUTE FUNCTION api.touch();
ALTER TABLE customer ENABLE ALWAYS TRIGGER always;
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON orders DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
  WHEN (NEW.total < -5) EXECUTE FUNCTION api.touch();
CREATE TRIGGER on_partitions BEFORE INSERT ON event FOR EACH ROW WHEN (NEW.id < 0) EXECUTE FUNCTION api.touch();
ALTER TABLE event_2025 ENABLE REPLICA TRIGGER on_partitions;
COMMENT ON TRIGGER touch ON customer IS 'touches';
CREATE FUNCTION api.refuse_drop() RETURNS event_trigger LANGUAGE plpgsql AS
  $$BEGIN IF EXISTS (SELECT FROM pg_event_trigger_dropped_objects() WHERE object_name = 'customer')
  THEN RAISE 'customer stays'; END IF; END$$;
CREATE EVENT TRIGGER refuse_drop ON sql_drop WHEN TAG IN ('DROP TABLE', 'DROP VIEW') EXECUTE FUNCTION api.refuse_drop();
CREATE EVENT TRIGGER not_now ON ddl_command_end EXECUTE FUNCTION api.refuse_drop();
ALTER EVENT TRIGGER not_now DISABLE;

-- text search
CREATE TEXT SEARCH PARSER own_parser (START = prsd_start, GETTOKEN = prsd_nexttoken, END = prsd_end,
  LEXTYPES = prsd_lextype, HEADLINE = prsd_headline);
CREATE TEXT SEARCH TEMPLATE own_template (LEXIZE = dsimple_lexize, INIT = dsimple_init);
CREATE TEXT SEARCH DICTIONARY own_dictionary (TEMPLATE = own_template, STOPWORDS = english);
CREATE TEXT SEARCH CONFIGURATION own_search (PARSER = own_parser);
ALTER TEXT SEARCH CONFIGURATION own_search ADD MAPPING FOR asciiword, word WITH own_dictionary, english_stem;
CREATE INDEX orders_search ON no_key USING gin (to_tsvector('own_search', b));

-- row-level security
CREATE TABLE secret(owner name DEFAULT current_user, body text);
INSERT INTO secret VALUES ('clerk', 'a'), ('nobody', 'b'), ('shop_owner', 'c');
ALTER TABLE secret OWNER TO shop_owner;
ALTER TABLE secret ENABLE ROW LEVEL SECURITY;
ALTER TABLE secret FORCE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON secret AS PERMISSIVE FOR SELECT TO clerk, shop_owner USING (owner = current_user);
CREATE POLICY insert_own ON secret AS RESTRICTIVE FOR INSERT WITH CHECK (owner = current_user);
COMMENT ON POLICY own_rows ON secret IS 'one''s own';

-- replication, foreign data
CREATE PUBLICATION everything FOR ALL TABLES WITH (publish = 'insert, truncate');
CREATE PUBLICATION a_few FOR TABLE customer (id, name) WHERE (id > 100), TABLE ONLY parent;
CREATE PUBLICATION by_schema FOR TABLES IN SCHEMA api;
CREATE PUBLICATION by_root FOR TABLE event WITH (publish_via_partition_root);
CREATE SUBSCRIPTION from_elsewhere CONNECTION 'host=127.0.0.1 port=1 dbname=x password=subscribed'
  PUBLICATION a, "B b" WITH (connect = false, slot_name = NONE, binary, streaming, synchronous_commit = 'local');
CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
CREATE FOREIGN TABLE lines(line text OPTIONS (force_not_null 'true')) SERVER files OPTIONS (filename '@FILE@', format 'csv', delimiter '|');
CREATE FOREIGN DATA WRAPPER own_wrapper OPTIONS (a 'b''c');
CREATE SERVER loopback TYPE 'x' VERSION '1.0' FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1', port '@PORT@', dbname '@DATABASE@');
CREATE USER MAPPING FOR public SERVER loopback OPTIONS (user 'postgres');
CREATE USER MAPPING FOR clerk SERVER loopback OPTIONS (user 'clerk', password 'for the mapping');
GRANT USAGE ON FOREIGN SERVER loopback TO clerk;
CREATE FOREIGN TABLE far_customer(id int NOT NULL, name text COLLATE "C") SERVER loopback OPTIONS (schema_name 'shop', table_name 'customer');
CREATE FOREIGN TABLE event_far PARTITION OF by_expression FOR VALUES FROM (7, MINVALUE) TO (8, MINVALUE) SERVER loopback
  OPTIONS (schema_name 'shop', table_name 'no_rows');

-- large objects
SELECT lo_from_bytea(70001, ''), lo_from_bytea(70002, '\x00ff00'), lo_from_bytea(70003, convert_to(repeat('large ', 100000), 'UTF8'));
SELECT lo_create(70004);
SELECT lo_put(70004, 100000, 'after a hole');
ALTER LARGE OBJECT 70002 OWNER TO clerk;
GRANT SELECT ON LARGE OBJECT 70003 TO clerk, auditor;
COMMENT ON LARGE OBJECT 70001 IS 'without bytes';

-- privileges
GRANT USAGE ON SCHEMA shop TO clerk;
GRANT SELECT, INSERT (name), UPDATE (name, spent) ON customer TO clerk;
GRANT SELECT (id) ON orders TO auditor WITH GRANT OPTION;
REVOKE ALL ON no_rows FROM postgres;
GRANT ALL ON no_key TO "Ünü Sual ""role""";
GRANT SELECT ON grouped TO public;
ALTER DEFAULT PRIVILEGES IN SCHEMA shop GRANT SELECT ON TABLES TO clerk;
ALTER DEFAULT PRIVILEGES FOR ROLE shop_owner REVOKE EXECUTE ON FUNCTIONS FROM public;
ALTER DEFAULT PRIVILEGES FOR ROLE shop_owner IN SCHEMA api GRANT USAGE ON TYPES TO clerk;
REVOKE CREATE ON SCHEMA public FROM public;
GRANT SELECT ON pg_catalog.pg_authid TO auditor;
GRANT EXECUTE ON FUNCTION pg_catalog.pg_ls_dir(text) TO auditor;

-- the database itself
ALTER DATABASE @DATABASE@ SET search_path = shop, public;
ALTER DATABASE @DATABASE@ SET DateStyle = 'German, DMY';
ALTER DATABASE @DATABASE@ SET extra_float_digits = 0;
ALTER DATABASE @DATABASE@ SET bytea_output = 'escape';
ALTER DATABASE @DATABASE@ SET lock_timeout = '1h';
ALTER DATABASE @DATABASE@ SET default_transaction_isolation = 'serializable';
ALTER ROLE clerk IN DATABASE @DATABASE@ SET statement_timeout = '5min';
ALTER DATABASE @DATABASE@ CONNECTION LIMIT 50;
GRANT CONNECT, TEMPORARY ON DATABASE @DATABASE@ TO clerk;
REVOKE ALL ON DATABASE @DATABASE@ FROM public;
COMMENT ON DATABASE @DATABASE@ IS 'every kind of object';
