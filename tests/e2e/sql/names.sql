-- Names that have to be quoted everywhere: in SQL, in paths, in scripts.
CREATE SCHEMA "Sch.ema ""x"" é";
CREATE SCHEMA "select";
SET search_path = "Sch.ema ""x"" é";
CREATE TABLE "two
lines"(id int PRIMARY KEY, "col
umn" text);
CREATE TABLE "a.b"("x.y" int PRIMARY KEY, "A" int, "a" int, " " int, "%41" text, "$1" int, "'" int, "\" int);
CREATE TABLE "A.B"(id int);
CREATE TABLE "Table"(id serial, "order" int GENERATED ALWAYS AS IDENTITY, "user" text);
CREATE TABLE "table"(id int);
CREATE TABLE "TABLE"(id int);
CREATE TABLE "..""quoted""; DROP TABLE x; --"(id int);
CREATE TABLE " leading and trailing "(id int);
CREATE TABLE "/etc/passwd"(id int);
CREATE TABLE ".."(id int);
CREATE TABLE "*?[a-z]"(id int);
CREATE TABLE "\N"(id int);
CREATE TABLE "tab	and %s %n {} $x `id` \\ \n"(id int);
CREATE TABLE "123456789012345678901234567890123456789012345678901234567890123"("123456789012345678901234567890123456789012345678901234567890123" int);
CREATE TABLE "表表表表表表表表表表表表表表表表表表表表表"("😀" int);
CREATE TABLE "é"(id int);
CREATE TABLE U&"e\0301"(id int);
CREATE TABLE "-d"(id int);
CREATE TABLE "--"(id int);
CREATE TABLE "0000"(id int);
CREATE TABLE "select"."select"("select" int, "from" text);
CREATE TABLE "select"."a=b"(id int);
CREATE SEQUENCE "Seq
uence.""1""";
CREATE VIEW "vi""ew" AS SELECT * FROM "a.b";
CREATE FUNCTION "fun""c"("a b" int) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE TYPE "enum, with 'quotes'" AS ENUM ('a');
CREATE INDEX "in""dex" ON "a.b" ("A");
ALTER TABLE "a.b" ADD CONSTRAINT "check; --" CHECK ("A" > 0);
COMMENT ON TABLE "a.b" IS E'\n-- Name: x; Type: TABLE; Schema: y; Owner: z\n\\connect template1\n';
DO $$
DECLARE
  name regclass;
  columns text;
  row_values text;
BEGIN
  FOR name IN SELECT oid FROM pg_class WHERE relkind = 'r'
      AND relnamespace IN (SELECT oid FROM pg_namespace WHERE nspname ~ '^Sch|^select$') LOOP
    SELECT string_agg(quote_ident(attname), ','),
      string_agg(CASE WHEN atttypid = 'text'::regtype THEN '''x''' ELSE '7' END, ',')
      INTO columns, row_values
      FROM pg_attribute WHERE attrelid = name AND attnum > 0 AND attidentity = '';
    EXECUTE format('INSERT INTO %s(%s) SELECT %s', name, columns, row_values);
  END LOOP;
END$$;
SELECT nextval('"Seq
uence.""1"""');
