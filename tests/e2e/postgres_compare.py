# SPDX-License-Identifier: Apache-2.0
"""Whether two PostgreSQL databases are the same: schema as pg_dump tells it, what pg_dump does not
tell, every row, sequences and large objects.

As a program: postgres_compare.py URL URL    prints the differences; exit code 1 if there are any
"""

import concurrent.futures
import difflib
import re
import subprocess
import sys

import postgres

ENTRY = re.compile(r"^--\n-- (?:Data for )?Name: (.*); Type: ([A-Z ]+); Schema: (.*?)"
                   r"(?:; Owner: (.*?))?(?:; Tablespace: (.*))?\n--\n", re.M)
# pg_dump names a policy's roles in the order of their oids.
POLICY_ROLES = re.compile(r"(?<= TO )\S.*?(?=;| USING | WITH CHECK )")
METHOD = re.compile(r"^SET default_table_access_method = (.*);$", re.M)
# Texts of values do not depend on the settings of a role or database then.
SETTINGS = ("SET TimeZone='UTC'; SET DateStyle='ISO'; SET IntervalStyle='postgres'; "
            "SET extra_float_digits=3; SET bytea_output='hex'; SET lc_monetary='C'; "
            "SET row_security=off; SET statement_timeout=0; SET search_path=pg_catalog; "
            "SET xmloption='content'; SET default_transaction_read_only=on; ")
SYSTEM = "n.nspname !~ '^pg_(toast|temp)' AND n.nspname NOT IN ('pg_catalog','information_schema')"
TABLES = f"""
SELECT format('%I.%I', n.nspname, c.relname), c.relkind, c.relispopulated || E'\\x01'
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE (c.relkind IN ('r', 'm') OR c.relkind = 'p' AND NOT EXISTS (
  SELECT FROM pg_partition_tree(c.oid) t JOIN pg_class f ON f.oid = t.relid WHERE f.relkind = 'f'))
  AND c.relpersistence <> 't' AND {SYSTEM}
ORDER BY 1"""
SEQUENCES = f"""
SELECT format('SELECT %L, last_value, is_called || E''\\x01'' FROM %I.%I;',
              format('%I.%I', n.nspname, c.relname), n.nspname, c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'S' AND c.relpersistence <> 't' AND {SYSTEM} ORDER BY 1"""
LARGE_OBJECTS = """
SELECT m.oid, pg_get_userbyid(m.lomowner), (SELECT string_agg(a::text, ',' ORDER BY a::text)
  FROM unnest(m.lomacl) a), md5(lo_get(m.oid)), obj_description(m.oid, 'pg_largeobject')
FROM pg_largeobject_metadata m ORDER BY m.oid"""
# What pg_dump does not write down, or only with the database's name in it.
FACTS = {
    "database owner": "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = "
                      "current_database()",
    "database locale": "SELECT pg_encoding_to_char(encoding), datcollate, datctype, datlocprovider,"
                       " daticulocale FROM pg_database WHERE datname = current_database()",
    "database limits": "SELECT datconnlimit, datistemplate, datallowconn FROM pg_database "
                       "WHERE datname = current_database()",
    "database tablespace": "SELECT spcname FROM pg_database d JOIN pg_tablespace t ON "
                           "t.oid = d.dattablespace WHERE datname = current_database()",
    "database privileges": "SELECT a::text FROM pg_database, unnest(coalesce(datacl, "
                           "acldefault('d', datdba))) a WHERE datname = current_database() "
                           "ORDER BY 1",
    "database comment": "SELECT shobj_description(oid, 'pg_database') FROM pg_database "
                        "WHERE datname = current_database()",
    "database settings": "SELECT coalesce(r.rolname, ''), unnest(s.setconfig) c FROM "
                         "pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase "
                         "LEFT JOIN pg_roles r ON r.oid = s.setrole "
                         "WHERE d.datname = current_database() ORDER BY 1, 2",
    "extension versions": "SELECT extname, extversion FROM pg_extension ORDER BY 1",
    "extension members": "SELECT e.extname, pg_describe_object(d.classid, d.objid, 0) FROM "
                         "pg_depend d JOIN pg_extension e ON e.oid = d.refobjid AND "
                         "d.refclassid = 'pg_extension'::regclass WHERE d.deptype = 'e' "
                         "ORDER BY 1, 2",
    "indexes that are not valid": "SELECT indexrelid::regclass FROM pg_index WHERE NOT "
                                  "(indisvalid AND indisready) ORDER BY 1",
    "subscriptions": "SELECT subname, pg_get_userbyid(subowner), subslotname, "
                     "subpublications, subbinary, substream FROM pg_subscription "
                     "WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = "
                     "current_database()) ORDER BY 1",
    "large objects": LARGE_OBJECTS,
}


def psql(url, sql):
    return postgres.checked([postgres.BIN / "psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-f", "-",
                             "-d", url],
                            input=(SETTINGS + sql).encode("utf-8", "surrogateescape"),
                            env=postgres.environment()).rstrip("\n")


def schema(url):
    """What pg_dump writes of the schema, by the object's name."""
    dump = postgres.checked([postgres.BIN / "pg_dump", "--schema-only", "-d", url],
                            env=postgres.environment())
    entries, found, method = {}, list(ENTRY.finditer(dump)), ""
    for entry, after in zip(found, [*found[1:], None]):
        name, kind, namespace, owner, tablespace = entry.groups()
        text = dump[entry.end():after.start() if after else len(dump)]
        lines = [line for line in text.split("\n") if line and line != "--"]
        if kind in ("ACL", "DEFAULT ACL"):
            lines.sort()
        if kind == "POLICY":
            lines = [POLICY_ROLES.sub(in_order, line) for line in lines]
        # what stands at the end belongs to the next entries: the tablespace, the access method
        if kind in ("TABLE", "MATERIALIZED VIEW"):
            lines.append(f"access method {method}")
        method = next((m[1] for m in METHOD.finditer(text)), method)
        lines = [line for line in lines if not line.startswith("SET default_")
                 and not line.startswith("-- PostgreSQL database dump complete")
                 and not line.startswith(r"\unrestrict")]
        lines += [f"owner {owner}", f"tablespace {tablespace}"]
        key = f"{kind.lower()} {namespace}.{name}" if namespace != "-" else f"{kind.lower()} {name}"
        # overloaded names and odd ones may meet
        while key in entries:
            key += " (another)"
        entries[key] = "\n".join(lines)
    return entries


def in_order(match):
    return ", ".join(sorted(match[0].split(", ")))


def facts(url):
    marked = "".join(f"\\echo ==={name}\n{sql};\n" for name, sql in FACTS.items())
    found = {}
    for part in ("\n" + psql(url, marked)).split("\n===")[1:]:
        name, _, rest = part.partition("\n")
        found[name] = rest
    return found


def tables(url):
    """Of each table and materialised view how many rows, and hashes that tell any two multisets of
    rows apart."""
    names = [line.rsplit("|", 2) for line in split_rows(psql(url, TABLES))]
    script, found = [], {}
    for name, kind, populated in names:
        if populated == "false":
            found[name] = "not populated"
            continue
        key = postgres.literal(name)
        only = "ONLY " if kind == "r" else ""
        script.append(f"""SELECT {key}, count(*) || ' rows ' ||
          coalesce(sum(hashtextextended((row_.*)::text, 1)::numeric), 0) || ' ' ||
          coalesce(sum(hashtextextended((row_.*)::text, 2)::numeric), 0) || E'\\x01'
          FROM {only}{name} row_;""")
    for line in split_rows(psql(url, "\n".join(script))):
        name, _, value = line.rpartition("|")
        found[name] = value
    return found


def split_rows(text):
    """A row ends with a character that no name holds here: names may hold newlines."""
    return [row.lstrip("\n") for row in text.split("\x01") if row.strip("\n")]


def sequences(url):
    rows = [row.rsplit("|", 2) for row in split_rows(psql(url, SEQUENCES + " \\gexec"))]
    return {name: f"{value} {is_called}" for name, value, is_called in rows}


def everything(url):
    """Kinds of things, each a dictionary by name."""
    return {"schema": schema(url), "fact": facts(url), "rows of": tables(url),
            "sequence": sequences(url)}


def same(url_a, url_b, ignore=()):
    """The differences, by name; `ignore`: beginnings of names. Empty where there are none."""
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        one, other = pool.map(everything, (url_a, url_b))
    return differences(one, other, ignore)


def differences(one, other, ignore=()):
    found = []
    for kind, things in one.items():
        for name in sorted({*things, *other[kind]}):
            a, b = things.get(name), other[kind].get(name)
            title = name if kind in ("schema", "fact") else f"{kind} {name}"
            if a != b and not title.startswith(tuple(ignore)):
                found.append(f"{title}: {told(a, b)}")
    return found


def told(a, b):
    if a is None or b is None:
        return f"only in the {'second' if a is None else 'first'}"
    lines = [line for line in difflib.unified_diff(a.split("\n"), b.split("\n"), n=0, lineterm="")
             if not line.startswith(("---", "+++", "@@"))]
    return "; ".join(lines[:8])


def globals_of(url):
    """Roles, their memberships and settings, tablespaces: as lines in order."""
    dump = postgres.checked([postgres.BIN / "pg_dumpall", "--globals-only", "-d", url],
                            env=postgres.environment())
    return sorted(line for line in dump.splitlines()
                  if line and not line.startswith(("--", "\\restrict", "\\unrestrict")))


def main():
    found = same(*sys.argv[1:3])
    print("\n".join(found + [f"{len(found)} differences"]))
    return 1 if found else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.TimeoutExpired as error:
        sys.exit(str(error))
