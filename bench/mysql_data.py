# SPDX-License-Identifier: Apache-2.0
"""The schema of the MariaDB benchmarks, the same for the same scale: narrow rows with an index,
JSON and prose with two, random bytes."""

from data import WORDS

FILL = """
SET SESSION group_concat_max_len = 65536;
CREATE TABLE accounts (id int PRIMARY KEY, branch int NOT NULL, balance int NOT NULL,
  filler char(84) NOT NULL, KEY accounts_branch (branch)) ENGINE=InnoDB;
INSERT INTO accounts SELECT seq, 1 + FLOOR(RAND(1) * 1000), FLOOR(RAND(2) * 100000), ''
  FROM seq_1_to_{accounts};
CREATE TABLE orders (id int PRIMARY KEY, customer int NOT NULL, status varchar(10) NOT NULL,
  at datetime NOT NULL, session char(32) AS (JSON_VALUE(body, '$.session')) STORED,
  body json NOT NULL, note text NOT NULL,
  KEY orders_customer (customer), KEY orders_session (session)) ENGINE=InnoDB;
INSERT INTO orders (id, customer, status, at, body, note)
  SELECT seq, FLOOR(RAND(3) * 20000), ELT(1 + seq % 4, 'new', 'paid', 'sent', 'returned'),
  TIMESTAMP '2026-01-01 00:00:00' + INTERVAL seq * 37 SECOND,
  JSON_OBJECT('id', seq, 'session', MD5(seq), 'amount', ROUND(RAND(4) * 500, 2),
    'items', JSON_ARRAY(seq % 17, seq % 101, MD5(seq DIV 3)), 'agent', CONCAT('browser ', seq % 40),
    'address', JSON_OBJECT('street', {street}, 'zip', seq % 9973, 'city', {city})),
  CONCAT_WS(' ', {prose}) FROM seq_1_to_{orders};
CREATE TABLE files (id int PRIMARY KEY, data mediumblob NOT NULL) ENGINE=InnoDB;
INSERT INTO files SELECT f.seq, GROUP_CONCAT(UNHEX(SHA2(CONCAT(f.seq, ':', p.seq), 256))
  ORDER BY p.seq SEPARATOR '') FROM seq_1_to_{files} f, seq_1_to_256 p GROUP BY f.seq;
CREATE TABLE writes (id bigint AUTO_INCREMENT PRIMARY KEY, v varchar(100)) ENGINE=InnoDB;
ANALYZE TABLE accounts, orders, files;
"""


def make(server, name, scale):
    server.create(name)
    quoted = ", ".join(f"'{one}'" for one in WORDS)
    numbers = iter(range(100, 1000))

    def word():
        """A random one; each place in the statement has a sequence of its own."""
        return f"ELT(1 + FLOOR(RAND({next(numbers)}) * {len(WORDS)}), {quoted})"

    text = FILL.format(street=word(), city=word(), prose=", ".join(word() for _ in range(60)),
                       accounts=100_000 * scale, orders=10_000 * scale, files=8000 * scale // 15)
    server.sql(text, name)
    return int(server.sql("SELECT SUM(data_length + index_length) FROM information_schema.tables"
                          f" WHERE table_schema = '{name}'"))
