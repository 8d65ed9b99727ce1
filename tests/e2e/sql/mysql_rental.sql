-- A shop that lends films: one of every kind of object that a schema can have.
SET sql_mode = 'STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION';
CREATE TABLE language (language_id tinyint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
  name char(20) NOT NULL);
INSERT INTO language(name) VALUES ('English'), ('日本語'), ('Deutsch 💰');
CREATE TABLE film (film_id smallint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
  title varchar(255) NOT NULL, description text, release_year year,
  language_id tinyint unsigned NOT NULL, rate decimal(4,2) NOT NULL DEFAULT 4.99,
  rating enum('G','PG','R''x') DEFAULT 'G', features set('Trailers','Comments','Deleted') DEFAULT NULL,
  trailer longblob, place point NOT NULL, notes json, changed timestamp NOT NULL
    DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  shout varchar(255) GENERATED ALWAYS AS (upper(title)) STORED,
  cents int GENERATED ALWAYS AS (rate * 100) VIRTUAL,
  KEY by_title (title), KEY by_language (language_id), KEY by_cents (cents),
  SPATIAL KEY by_place (place), FULLTEXT KEY words (title, description),
  CONSTRAINT positive CHECK (rate > 0),
  CONSTRAINT film_language FOREIGN KEY (language_id) REFERENCES language (language_id)
    ON UPDATE CASCADE) COMMENT = 'films; and ''more''';
INSERT INTO film(title, description, release_year, language_id, rate, rating, features, trailer,
  place, notes, changed) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n
  WHERE i < 900) SELECT CONCAT('film ', i), REPEAT('text\t', i % 20), 1950 + i % 70, 1 + i % 3,
  1 + i % 9, 'PG', 'Trailers,Deleted', UNHEX(SHA2(i, 512)), POINT(i, -i),
  JSON_OBJECT('number', i), '2026-01-01 00:00:00' + INTERVAL i SECOND FROM n;
CREATE TABLE actor (first varchar(40) CHARACTER SET latin1, last varchar(40) COLLATE utf8mb4_bin,
  film_id smallint unsigned, PRIMARY KEY (last, first), UNIQUE KEY one (film_id, first(3)),
  CONSTRAINT of_film FOREIGN KEY (film_id) REFERENCES film (film_id) ON DELETE CASCADE);
INSERT INTO actor SELECT CONCAT('Änne ', film_id), CONCAT('Müller ', film_id), film_id FROM film;
CREATE TABLE payment (id bigint NOT NULL, at date NOT NULL, amount double, PRIMARY KEY (id, at))
  PARTITION BY RANGE (YEAR(at)) (PARTITION p2024 VALUES LESS THAN (2025),
  PARTITION p2025 VALUES LESS THAN (2026), PARTITION rest VALUES LESS THAN MAXVALUE);
INSERT INTO payment SELECT film_id, '2024-01-01' + INTERVAL film_id DAY, film_id / 7 FROM film;
CREATE TABLE hashed (id int PRIMARY KEY, v varchar(10)) PARTITION BY KEY (id) PARTITIONS 3;
INSERT INTO hashed SELECT film_id, 'x' FROM film;
CREATE TABLE journal (id int AUTO_INCREMENT PRIMARY KEY, what varchar(200)) AUTO_INCREMENT = 500;
CREATE TABLE `odd ``name` (`a b` int, `select` text);
INSERT INTO `odd ``name` VALUES (1, 'tab\tline\nback\\slash\0end'), (NULL, NULL), (1, '');
CREATE TABLE empty_one (a int);
CREATE VIEW titles AS SELECT film_id, title FROM film WITH CASCADED CHECK OPTION;
CREATE VIEW by_language AS SELECT l.name, COUNT(*) AS films FROM titles JOIN film USING (film_id)
  JOIN language l ON l.language_id = film.language_id GROUP BY l.name;
DELIMITER //
CREATE FUNCTION shorten(t text) RETURNS varchar(20) DETERMINISTIC RETURN LEFT(t, 20)//
CREATE PROCEDURE note(IN what varchar(200)) BEGIN INSERT INTO journal(what) VALUES (what); END//
CREATE TRIGGER film_in AFTER INSERT ON film FOR EACH ROW CALL note(shorten(NEW.title))//
CREATE TRIGGER film_out BEFORE DELETE ON film FOR EACH ROW BEGIN
  INSERT INTO journal(what) VALUES (CONCAT('gone; ', OLD.title)); END//
CREATE TRIGGER film_also AFTER INSERT ON film FOR EACH ROW FOLLOWS film_in
  INSERT INTO journal(what) VALUES ('second')//
CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY STARTS '2037-01-01 03:00:00' COMMENT 'ENABLE; it'
  DO CALL note('night')//
DELIMITER ;
-- MariaDB only
CREATE SEQUENCE tickets START WITH 100 INCREMENT BY 10 CACHE 5;
CREATE TABLE ticket (id bigint NOT NULL DEFAULT nextval(tickets) PRIMARY KEY, for_whom uuid,
  at inet6);
INSERT INTO ticket(for_whom, at) VALUES (uuid(), '::1'), (uuid(), 'ff::');
-- end
