# SPDX-License-Identifier: Apache-2.0
"""The database of the PostgreSQL benchmarks, the same for the same scale: of scale 15, 228 MB of
pgbench's tables, 113 MB of JSON and prose, 66 MB of random bytes."""

from data import WORDS

FILL = """
SELECT setseed(0.5);
CREATE TABLE orders AS SELECT g AS id, (random() * 20000)::int AS customer,
  (ARRAY['new', 'paid', 'sent', 'returned'])[1 + g % 4] AS status,
  timestamptz '2026-01-01' + g * interval '37 s' AS at,
  jsonb_build_object('id', g, 'session', md5(g::text),
    'amount', round((random() * 500)::numeric, 2),
    'items', jsonb_build_array(g % 17, g % 101, md5((g / 3)::text)), 'agent', 'browser ' || g % 40,
    'address', jsonb_build_object('street', {word}, 'zip', g % 9973, 'city', {word})) AS body,
  {prose} AS note
FROM generate_series(1, {orders}) g;
ALTER TABLE orders ADD PRIMARY KEY (id);
CREATE INDEX orders_customer ON orders(customer);
CREATE INDEX orders_session ON orders((body ->> 'session'));
CREATE TABLE blobs AS SELECT g AS id,
  (SELECT string_agg(sha256((g || ':' || i)::bytea), '') FROM generate_series(1, 256) i) AS data
FROM generate_series(1, {blobs}) g;
ALTER TABLE blobs ADD PRIMARY KEY (id);
VACUUM ANALYZE;
"""
# 2 % of the rows of every table, anywhere.
UPDATE = """
UPDATE pgbench_accounts SET abalance = abalance + 1 WHERE random() < 0.02;
UPDATE orders SET note = 'changed ' || note WHERE random() < 0.02;
UPDATE blobs SET data = sha256(data) || substr(data, 33) WHERE random() < 0.02;
CHECKPOINT;
"""


def make(server, name, scale):
    server.create(name)
    server.tool("pgbench", "-i", "-q", "-s", str(scale), name)
    word = f"(ARRAY{WORDS})[1 + (random() * {len(WORDS) - 1})::int]"
    prose = " || ' ' || ".join([word] * 60)
    server.psql(FILL.format(word=word, prose=prose, orders=10_000 * scale,
                            blobs=8000 * scale // 15), name)
    return int(server.psql("SELECT pg_database_size(current_database())", name))


def update(server, name):
    server.psql(UPDATE, name)
