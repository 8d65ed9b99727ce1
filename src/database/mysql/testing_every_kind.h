// SPDX-License-Identifier: Apache-2.0
// A schema with every kind of object.
#pragma once

#include <string>

#include "database/mysql/testing_source.h"

namespace stillpoint::database::mysql::testing {

inline const std::string every_kind = R"sql(
CREATE TABLE items (id int NOT NULL AUTO_INCREMENT PRIMARY KEY, name varchar(40) NOT NULL,
  amount int DEFAULT 5 COMMENT 'how much; really', doubled int AS (amount * 2) STORED,
  halved int AS (amount / 2) VIRTUAL, `odd, (name``s` text, CONSTRAINT positive CHECK (amount > 0),
  UNIQUE KEY by_name (name), KEY by_amount (amount, name), KEY by_doubled (doubled),
  FULLTEXT KEY words (`odd, (name``s`)) COMMENT='things; with ''quotes''';
INSERT INTO items(name, amount) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n
  WHERE i < 200) SELECT CONCAT('item ', i), i FROM n;
CREATE TABLE orders (id int NOT NULL AUTO_INCREMENT PRIMARY KEY, item int, at timestamp(6) NULL,
  CONSTRAINT of_item FOREIGN KEY (item) REFERENCES items (id) ON DELETE CASCADE);
INSERT INTO orders(item, at) SELECT id, '2026-01-02 03:04:05.678901' FROM items;
ALTER TABLE orders AUTO_INCREMENT = 1000;
CREATE TABLE events_by_year (at date NOT NULL, what varchar(20)) PARTITION BY RANGE (YEAR(at)) (
  PARTITION p2025 VALUES LESS THAN (2026), PARTITION rest VALUES LESS THAN MAXVALUE);
INSERT INTO events_by_year VALUES ('2025-03-01', 'spring'), ('1999-12-31', 'party'),
  ('2031-01-01', 'later');
CREATE TABLE sub (a int, b int) PARTITION BY RANGE (a) SUBPARTITION BY HASH (b) SUBPARTITIONS 2 (
  PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN MAXVALUE);
INSERT INTO sub VALUES (1, 1), (1, 2), (11, 1), (11, 2);
CREATE TABLE no_key (a int, b text); INSERT INTO no_key VALUES (2, 'x'), (1, NULL), (2, 'x');
CREATE TABLE only_generated (a int AS (7) STORED); INSERT INTO only_generated VALUES (), ();
CREATE TABLE `Odd table.x/é` (`%` int PRIMARY KEY, `new
line` text); INSERT INTO `Odd table.x/é` VALUES (1, 'a'), (0, '0'), (-1, 'minus');
CREATE TABLE zero (id int AUTO_INCREMENT PRIMARY KEY, d date);
SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO'; INSERT INTO zero VALUES (0, '0000-00-00'), (-3, NULL);
SET sql_mode = '';
CREATE VIEW a_cheap AS SELECT * FROM b_all WHERE amount < 10;
)sql";

inline const std::string every_kind_after = R"sql(
CREATE TABLE noted (id int AUTO_INCREMENT PRIMARY KEY, what text CHARSET utf8mb4);
DELIMITER //
CREATE FUNCTION twice(i int) RETURNS int DETERMINISTIC BEGIN /* ;; */ RETURN i * 2; END//
CREATE PROCEDURE note(IN what text CHARSET utf8mb4)
BEGIN INSERT INTO noted(what) VALUES (what); END//
SET sql_mode = 'ANSI_QUOTES,PIPES_AS_CONCAT'//
CREATE PROCEDURE quoted() SELECT 'a' || 'b' AS "x;y"//
SET sql_mode = ''//
CREATE TRIGGER second AFTER INSERT ON orders FOR EACH ROW BEGIN CALL note('second; ä💰'); END//
CREATE TRIGGER first_one AFTER INSERT ON orders FOR EACH ROW PRECEDES second CALL note('first')//
CREATE EVENT IF NOT EXISTS nightly ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01 03:00:00' DISABLE
  DO CALL note('night')//
CREATE VIEW z_items AS SELECT id, amount, twice(amount) AS t FROM items//
CREATE VIEW b_all AS SELECT * FROM z_items//
CREATE DEFINER = 'gone'@'nowhere' SQL SECURITY DEFINER VIEW of_nobody AS SELECT 1 AS one//
DELIMITER ;
)sql";

inline void make_every_kind(const Server& server) {
  server.run("CREATE DATABASE shop CHARACTER SET latin1 COLLATE latin1_swedish_ci");
  const std::size_t view = every_kind.find("CREATE VIEW a_cheap");
  feed(server, every_kind.substr(0, view), "shop");
  feed(server, every_kind_after, "shop");
  feed(server, every_kind.substr(view), "shop");
  if (is_mysql()) return;
  feed(server,
       "CREATE SEQUENCE counter START WITH 7 INCREMENT BY 3 NOCACHE; SELECT NEXT VALUE FOR counter;"
       "CREATE TABLE counted (id int DEFAULT nextval(counter), hidden int INVISIBLE DEFAULT 3);"
       "INSERT INTO counted(id, hidden) VALUES (1, 2)",
       "shop");
}

}  // namespace stillpoint::database::mysql::testing
