-- Every built-in type with its extremes, NULL beside empty, and texts that are hard to quote.
CREATE SCHEMA types;
SET search_path = types;

CREATE TABLE numbers(id int PRIMARY KEY, i2 smallint, i4 integer, i8 bigint, n numeric, n5 numeric(5,2),
  nneg numeric(5,-2), r real, d double precision, m money, o oid, b boolean);
INSERT INTO numbers VALUES
  (1, -32768, -2147483648, -9223372036854775808, '-NaN'::text::float8::numeric, -999.99, -9999900,
   '-Infinity', '-Infinity', '-92233720368547758.08', 0, false),
  (2, 32767, 2147483647, 9223372036854775807, 'Infinity', 999.99, 9999900, 'Infinity', 'Infinity',
   '92233720368547758.07', 4294967295, true),
  (3, 0, 0, 0, '-Infinity', 0, 0, 'NaN', 'NaN', 0, 1, NULL),
  (4, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
  (5, 1, 1, 1, 1e-16383::numeric, 0.01, 100, 1.17549435e-38, 2.2250738585072014e-308, 0.01, 5, true),
  (6, 1, 1, 1, repeat('9', 131072)::numeric, 0.01, 100, 3.4028235e38, 1.7976931348623157e308, 1, 5,
   true),
  (7, 1, 1, 1, 0.10000000000000000000000, 1.10, 100, 0.1, 0.1, 1, 5, true),
  (8, 1, 1, 1, -0.0, 0, 0, '-0', '-0', 1, 5, true),
  (9, 1, 1, 1, 123456789.123456789123456789123456789, 0, 0, 1e-45, 4.9406564584124654e-324, 1, 5, true),
  (10, 1, 1, 1, 1, 0, 0, 16777217, 0.30000000000000004, 1, 5, true);

CREATE TABLE texts(id int PRIMARY KEY, t text, v varchar(20), c char(5), n name, ch "char", x xml);
INSERT INTO texts VALUES
  (1, '', '', '', '', '', ''),
  (2, NULL, NULL, NULL, NULL, NULL, NULL),
  (3, E'\\N', E'\\.', 'a', E'\\N', E'\\', '<a>\N</a>'),
  (4, E'tab\there\nnew line\r\nback\\slash\b\f\v', E'\t', E'\n', E'\n', E'\t', '<?xml version="1.0"?><a/>'),
  (5, E'\\.\n\\.\n', E'\\n', 'ab   ', E'a\\tb', '"', '<a b="''"/>'),
  (6, E'\U0001F600 \U0010FFFF \u00e9 e\u0301 \u4e2d\u6587 \u05d0 \ufeff', E'\U0001F600', E'\U0001F600',
   E'\U0001F600', 'z', '<a>&#128512;</a>'),
  (7, E'\x01\x02\x1f\x7f', E'\x01', E'\x01', E'\x01', E'\x01', 'no element, content'),
  (8, repeat('x', 3000000), 'x', 'x', repeat('n', 63), 'x', NULL),
  (9, 'NULL', 'null', 'NULL', 'NULL', 'N', NULL),
  (10, '"quoted", with ''both'' {braces} and %s $1 :name', '\d', '$$', ',', ',', NULL);

CREATE TABLE bytes(id int PRIMARY KEY, b bytea);
INSERT INTO bytes VALUES (1, ''), (2, NULL), (3, '\x00'), (4, '\x0000ff5c5c4e0a0d09'),
  (5, (SELECT string_agg(set_byte('\x00', 0, i), '' ORDER BY i) FROM generate_series(0, 255) i)),
  (6, decode(repeat('00', 1000000), 'hex')), (7, '\x5c2e'), (8, '\x5c4e');

CREATE TABLE times(id int PRIMARY KEY, d date, t time, tz time with time zone, ts timestamp,
  tstz timestamptz, ts0 timestamptz(0), i interval, iy interval year to month);
INSERT INTO times VALUES
  (1, '-infinity', '00:00', '00:00+15:59', '-infinity', '-infinity', '-infinity', '-178000000 years', '-1 y'),
  (2, 'infinity', '24:00', '24:00-15:59', 'infinity', 'infinity', 'infinity', '178000000 years', '1 y'),
  (3, '4713-01-01 BC', '23:59:59.999999', '12:00:00.000001+02', '4713-01-01 BC', '4713-01-01 00:00+00 BC',
   'epoch', '1 mon -1 day +00:00:00.000001', '0'),
  (4, '5874897-12-31', '12:00', '12:00+00', '294276-12-31 23:59:59.999999', '294276-12-31 23:59:59.999999+00',
   'epoch', '-1 mon +1 day -00:00:00.000001', NULL),
  (5, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
  (6, '2000-02-29', '00:00:00.000001', '23:59:59.5-08', '2026-03-29 02:30', '2026-10-25 02:30+01',
   '2026-10-25 02:30:00.5+02', '0', '11 mon');

CREATE TABLE geometry(id int PRIMARY KEY, p point, l line, s lseg, b box, o path, c path, g polygon, k circle);
INSERT INTO geometry VALUES
  (1, '(0,0)', '{1,-1,0}', '[(0,0),(1,1)]', '(1,1),(0,0)', '[(0,0),(1,1)]', '((0,0),(1,1))', '((0,0))', '<(0,0),0>'),
  (2, '(Infinity,-Infinity)', '{0,1,0.1}', '[(1e300,1e-300),(NaN,0)]', '(0.1,0.2),(-0.1,-0.2)',
   '[(0.1,1e-300)]', '((1,2),(3,4),(5,6))', '((0,0),(1,0),(1,1),(0,1))', '<(1e300,0.1),1e300>'),
  (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);

CREATE TABLE network(id int PRIMARY KEY, i inet, c cidr, m macaddr, m8 macaddr8);
INSERT INTO network VALUES (1, '0.0.0.0/0', '0.0.0.0/0', '00:00:00:00:00:00', '00:00:00:00:00:00:00:00'),
  (2, 'ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255', 'ffff::/16', 'ff:ff:ff:ff:ff:ff',
   'ff:ff:ff:ff:ff:ff:ff:ff'), (3, '10.1.2.3/8', '::/0', NULL, NULL), (4, NULL, NULL, NULL, NULL);

CREATE TABLE bits(id int PRIMARY KEY, b bit(3), v bit varying, v5 bit varying(5));
INSERT INTO bits VALUES (1, B'000', B'', B''), (2, B'111', repeat('10', 50000)::bit varying, B'10101'),
  (3, NULL, NULL, NULL);

CREATE TABLE documents(id int PRIMARY KEY, j json, b jsonb, p jsonpath, v tsvector, q tsquery, u uuid);
INSERT INTO documents VALUES
  (1, 'null', 'null', '$', '', '', '00000000-0000-0000-0000-000000000000'),
  (2, '{"b": 1,   "a": 2, "a": 3}', '{"b": 1, "a": [1.10, "\u00e9\n\\", {}]}', 'strict $.a[*] ? (@ > 1)',
   '''a b'':1A,2B cd:16383', '''a b'' & !(c | d) <-> e:*A', 'ffffffff-ffff-ffff-ffff-ffffffffffff'),
  (3, '"\ud83d\ude00 \u0000 \\N"', '"\ud83d\ude00"', 'lax $."a b" like_regex "x" flag "i"', 'x', 'x', NULL),
  (4, '1e400', '1e400', NULL, NULL, NULL, NULL), (5, '[]', '{}', NULL, NULL, NULL, NULL);

CREATE TABLE system_types(id int PRIMARY KEY, l pg_lsn, x xid, x8 xid8, c cid, t tid, s pg_snapshot,
  ts txid_snapshot, v int2vector, ov oidvector, rc regclass, rp regprocedure, rt regtype, ro regrole,
  rn regnamespace, rx regconfig, rd regdictionary, rr regoperator, rl regcollation, a aclitem, rf refcursor);
INSERT INTO system_types VALUES (1, '0/0', '0', '0', '0', '(0,0)', '1:1:', '1:1:', '', '', 'pg_class',
  'length(text)', 'int4', 'postgres', 'pg_catalog', 'english', 'english_stem', '+(int4,int4)', '"C"',
  'postgres=arwdDxt/postgres', ''),
  (2, 'FFFFFFFF/FFFFFFFF', '4294967295', '18446744073709551615', '4294967295', '(4294967295,65535)',
  '10:20:10,14,15', '10:20:10,14,15', '1 2 3', '1 2 4294967295', 'types.numbers', 'sum(numeric)', 'numeric(5,2)',
  'postgres', 'types', 'simple', 'simple', '!!(NONE,tsquery)', '"default"', '=r*/postgres', 'c'),
  (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
  NULL, NULL);

CREATE TYPE mood AS ENUM ('sad', 'o''k', 'happy "very"', '', 'x,{}\');
ALTER TYPE mood ADD VALUE 'between' BEFORE 'happy "very"';
CREATE DOMAIN even AS integer CHECK (VALUE % 2 = 0);
CREATE DOMAIN short AS varchar(10) COLLATE "C" DEFAULT 'none' NOT NULL;
CREATE DOMAIN pair_of_even AS even[] CHECK (array_length(VALUE, 1) = 2);
CREATE TYPE address AS (street text, "house no." integer, tags text[]);
CREATE TYPE person AS (name text, home address);
CREATE TYPE float_range AS RANGE (subtype = float8, subtype_diff = float8mi, multirange_type_name = float_ranges);
CREATE TABLE own(id int PRIMARY KEY, m mood, e even, s short, p pair_of_even, a address, pe person,
  aa address[], r float_range, mr float_ranges, ms mood[]);
INSERT INTO own VALUES (1, 'sad', 2, '', '{2,4}', ROW('', 1, '{}'), ROW('x', ROW('y, "z"', NULL, '{a,NULL,"NULL"}')),
  ARRAY[ROW('(', 1, NULL)::address, NULL], '[1.5,2.5)', '{[1,2),[3,4)}', '{sad,"",between}'),
  (2, '', NULL, 'x', NULL, NULL, NULL, '{}', 'empty', '{}', '{}'),
  (3, 'x,{}\', -2, 'y', '{0,0}', ROW(NULL, NULL, NULL), ROW(NULL, NULL), NULL, '(,)', '{(,)}', NULL);

CREATE TABLE ranges(id int PRIMARY KEY, i int4range, b int8range, n numrange, t tsrange, z tstzrange, d daterange,
  mi int4multirange, md datemultirange, mn nummultirange);
INSERT INTO ranges VALUES (1, 'empty', 'empty', 'empty', 'empty', 'empty', 'empty', '{}', '{}', '{}'),
  (2, '(,)', '[-9223372036854775808,9223372036854775807)', '(1.10,2.200]', '[-infinity,infinity]', '(,"2026-01-01 00:00+00"]',
   '[2026-01-01,)', '{[1,2),[5,)}', '{(,2026-01-01),[2027-01-01,2028-01-01)}', '{(NaN,),[1,1]}'),
  (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);

CREATE TABLE arrays(id int PRIMARY KEY, i int[], m int[][], t text[], b bytea[], j jsonb[], f float8[], n numeric(5,2)[]);
INSERT INTO arrays VALUES (1, '{}', '{}', '{}', '{}', '{}', '{}', '{}'),
  (2, '[-2:0]={1,NULL,3}', '[0:1][5:6]={{1,2},{3,4}}', '{"",NULL,"NULL","a,b","{}","\\N","\"",é}',
   ARRAY['\x00'::bytea, '', NULL], ARRAY['{"a": "\"b\\"}'::jsonb, 'null', NULL], '{NaN,-0,Infinity}', '{1.10}'),
  (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
