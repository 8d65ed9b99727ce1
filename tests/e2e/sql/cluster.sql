-- Roles and tablespaces: what a server has outside of its databases. @PLACE@: a folder of the server's.
CREATE ROLE shop_owner NOLOGIN;
CREATE ROLE clerk LOGIN CONNECTION LIMIT 5 VALID UNTIL '2099-01-01 00:00:00+00';
CREATE ROLE auditor LOGIN IN ROLE pg_read_all_data;
CREATE ROLE "Ünü Sual ""role""" NOLOGIN INHERIT CREATEDB;
GRANT clerk TO shop_owner WITH ADMIN OPTION;
ALTER ROLE clerk SET work_mem = '8MB';
COMMENT ON ROLE clerk IS 'sells things';
CREATE TABLESPACE fast OWNER shop_owner LOCATION '@PLACE@';
CREATE TABLESPACE "slow ""one""" LOCATION '@PLACE2@';
GRANT CREATE ON TABLESPACE "slow ""one""" TO clerk;
COMMENT ON TABLESPACE fast IS 'of memory';
