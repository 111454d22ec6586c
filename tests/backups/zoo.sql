CREATE SCHEMA zoo;
SET search_path = zoo, public;
CREATE SCHEMA "ext %s.""x";
CREATE EXTENSION amcheck SCHEMA "ext %s.""x";
CREATE EXTENSION btree_gist;
CREATE EXTENSION pg_trgm;
CREATE EXTENSION citext;
CREATE EXTENSION postgres_fdw;
CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1', port '1');
CREATE FOREIGN TABLE there (a integer) SERVER far;
CREATE TABLE words (w citext PRIMARY KEY);
INSERT INTO words VALUES ('Word');
CREATE INDEX ON words USING gin ((w::text) gin_trgm_ops);

-- types
CREATE TYPE mood AS ENUM ('sad', 'fine');
CREATE TYPE pair AS (a integer, b text);
CREATE DOMAIN positive AS integer CHECK (VALUE > 0);
CREATE TYPE span AS RANGE (subtype = float8);
CREATE TABLE "select" (
    "from" integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    opsconsole_row_ text, "a ""quoted"" Name" pair, m mood, p positive, s span, many int[], f float8, r real, n numeric,
    b bytea, i interval, ts timestamptz, naive timestamp, d date, j json, jb jsonb, u uuid, net inet, bits bit(3),
    search tsvector, cash money, place point, kind regclass, doubled integer GENERATED ALWAYS AS ("from" * 2) STORED
);
INSERT INTO "select" (opsconsole_row_, "a ""quoted"" Name", m, p, s, many, f, r, n, b, i, ts, naive, d, j, jb, u, net,
                      bits, search, cash, place, kind)
VALUES ('é', (1, 'x,"y'), 'fine', 3, '[1.5,2.5)', '{1,NULL,3}', 0.1, 0.3, 1e-20, '\xdeadbeef', '1 mon -2 days 03:04:05',
        'infinity', '2026-01-31 03:00', '0044-03-15 BC', '{"a":  1}', '{"a": 1}',
        '00000000-0000-0000-0000-000000000001', '10.0.0.1/8', '101', 'fat & cat'::text::tsvector, '1234.5', '(1,2)',
        'zoo."select"'),
       ('', NULL, NULL, NULL, 'empty', '{}', 'NaN', '-0', 'Infinity', '', '-1 year', '-infinity', NULL, NULL, 'null', 'null',
        NULL, NULL, NULL, '', NULL, NULL, NULL);

-- tables of all kinds
CREATE TABLE without_columns ();
INSERT INTO without_columns DEFAULT VALUES;
CREATE UNLOGGED TABLE unlogged (id serial PRIMARY KEY);
INSERT INTO unlogged DEFAULT VALUES;
CREATE TABLE parent (a integer, b text);
CREATE TABLE child (own text) INHERITS (parent);
CREATE TABLE adopted (b text, c integer, a integer);
ALTER TABLE adopted INHERIT parent;
ALTER TABLE parent ADD COLUMN late integer;
INSERT INTO parent VALUES (1, 'p', 9);
INSERT INTO child VALUES (2, 'c', 'own', 9);
INSERT INTO adopted (a, b, c, late) VALUES (3, 'd', 4, 9);
CREATE TABLE dropped (a integer, gone text, z text);
INSERT INTO dropped VALUES (1, 'gone', 'z');
ALTER TABLE dropped DROP COLUMN gone;

-- partitions, and keys between them
CREATE TABLE parts (id integer, at date, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
CREATE TABLE parts_3 (at date NOT NULL, id integer NOT NULL);
ALTER TABLE parts ATTACH PARTITION parts_3 FOR VALUES FROM ('2026-03-01') TO ('2026-04-01');
INSERT INTO parts VALUES (1, '2026-01-05'), (2, '2026-02-05'), (3, '2026-03-05');
CREATE TABLE refers (id integer, at date, FOREIGN KEY (id, at) REFERENCES parts);
INSERT INTO refers VALUES (2, '2026-02-05');
DELETE FROM parts_1;
ALTER TABLE parts DETACH PARTITION parts_1;

-- sequences
CREATE SEQUENCE lonely INCREMENT -1;
SELECT nextval('lonely');
CREATE TABLE invoices (code text DEFAULT 'INV-' || to_char(now(), 'YYYY'), big numeric);
CREATE SEQUENCE of_text OWNED BY invoices.code;
CREATE SEQUENCE of_numeric OWNED BY invoices.big;
INSERT INTO invoices VALUES ('INV-1', 1e30);
CREATE TABLE behind (id bigserial PRIMARY KEY);
INSERT INTO behind VALUES (1000);

-- constraints, indexes, rules
CREATE TABLE strict (a integer, CONSTRAINT never CHECK (a > 0) NOT VALID, EXCLUDE USING gist (int4range(a, a + 1) WITH &&));
ALTER TABLE strict DROP CONSTRAINT never;
INSERT INTO strict VALUES (-5);
ALTER TABLE strict ADD CONSTRAINT never CHECK (a > 0) NOT VALID;
ALTER TABLE strict ADD UNIQUE (a) DEFERRABLE INITIALLY DEFERRED;
CREATE INDEX ON strict ((a * 2)) WHERE a < 0;
CREATE TABLE guarded (a integer);
INSERT INTO guarded VALUES (1);
ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
ALTER TABLE guarded FORCE ROW LEVEL SECURITY;
CREATE POLICY nobody ON guarded USING (false);
CREATE TABLE triggered (a integer);
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$;
INSERT INTO triggered VALUES (1);
CREATE TRIGGER no_more BEFORE INSERT ON triggered FOR EACH ROW EXECUTE FUNCTION refuse();
CREATE VIEW seen AS SELECT a FROM triggered;
CREATE MATERIALIZED VIEW kept AS SELECT count(*) AS n FROM triggered;
CREATE MATERIALIZED VIEW unread AS SELECT 1 AS one WITH NO DATA;

-- virtual generated columns that fail when they are read
CREATE TABLE computed (a integer, b integer GENERATED ALWAYS AS (100 / a) VIRTUAL,
                       c integer GENERATED ALWAYS AS (a * 2) STORED);
INSERT INTO computed VALUES (0), (5);

-- foreign tables, one on a server that doesn't answer
CREATE TABLE spread (id serial, region text) PARTITION BY LIST (region);
CREATE TABLE spread_here PARTITION OF spread FOR VALUES IN ('here');
CREATE FOREIGN TABLE spread_there PARTITION OF spread FOR VALUES IN ('there') SERVER far;
INSERT INTO spread (region) VALUES ('here'), ('here');
CREATE TABLE above (id serial, a integer);
CREATE FOREIGN TABLE below () INHERITS (above) SERVER far;
INSERT INTO above (a) VALUES (1);
CREATE FOREIGN TABLE counted (id bigserial, a integer) SERVER far;

-- rows that a restore puts into another partition, because an enum's hash depends on its OID
CREATE TYPE color AS ENUM ('red', 'green', 'blue', 'black', 'white', 'pink');
CREATE TABLE by_color (c color, n integer) PARTITION BY HASH (c);
CREATE TABLE by_color_0 PARTITION OF by_color FOR VALUES WITH (MODULUS 4, REMAINDER 0);
CREATE TABLE by_color_1 PARTITION OF by_color FOR VALUES WITH (MODULUS 4, REMAINDER 1);
CREATE TABLE by_color_2 PARTITION OF by_color FOR VALUES WITH (MODULUS 4, REMAINDER 2);
CREATE TABLE by_color_3 PARTITION OF by_color FOR VALUES WITH (MODULUS 4, REMAINDER 3) PARTITION BY RANGE (n);
CREATE TABLE by_color_3_low PARTITION OF by_color_3 FOR VALUES FROM (MINVALUE) TO (2);
CREATE TABLE by_color_3_rest PARTITION OF by_color_3 DEFAULT;
INSERT INTO by_color SELECT c, n FROM unnest(enum_range(NULL::color)) c, generate_series(1, 3) n;

-- names
CREATE SCHEMA a;
CREATE SCHEMA "a.b";
CREATE TABLE a."b.c" (x integer);
CREATE TABLE "a.b".c (x integer, y integer);
INSERT INTO a."b.c" VALUES (1);
INSERT INTO "a.b".c VALUES (1, 2), (3, 4);
DO $do$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY[
        'Upper', 'with space', 'dot.ted', 'quo"te', 'apo''strophe', 'per%cent %s %(x)s', 'back\slash', E'new\nline',
        E'tab\t', E'bell\x07', 'elephant 🐘', 'select', 'é', '{brace}', '$dollar$', ';', '--', '/*', ' ', '1', '=',
        'postgresql://x', repeat('x', 63), U&'\202Eright to left', '"', '.', '"."', 't']
    LOOP
        EXECUTE format('CREATE SCHEMA %I', name);
        EXECUTE format('CREATE TABLE %1$I.%1$I (%1$I serial CONSTRAINT %1$I CHECK (%1$I > 0))', name);
        EXECUTE format('INSERT INTO %1$I.%1$I DEFAULT VALUES', name);
        EXECUTE format('CREATE INDEX %2$I ON %1$I.%1$I (%1$I)', name, left(name, 60) || '_i');
        EXECUTE format('CREATE VIEW %1$I.%2$I AS TABLE %1$I.%1$I', name, left(name, 60) || '_v');
        EXECUTE format('CREATE SEQUENCE %1$I.%2$I', name, left(name, 60) || '_s');
        EXECUTE format('CREATE TYPE %1$I.%2$I AS ENUM (%1$L)', name, left(name, 60) || '_e');
    END LOOP;
END $do$;

-- from PostgreSQL's own tests: inheritance from two parents
CREATE TABLE top_a (x integer);
CREATE TABLE middle_b (b integer) INHERITS (top_a);
CREATE TABLE middle_c (c integer) INHERITS (top_a);
CREATE TABLE low_d (d integer) INHERITS (middle_b, middle_c);
INSERT INTO low_d VALUES (1, 2, 3, 4);
-- a typed table
CREATE TYPE person AS (name text, age integer);
CREATE TABLE persons OF person (PRIMARY KEY (name), CHECK (age > 0));
INSERT INTO persons VALUES ('Ada', 36);
-- circular foreign keys
CREATE TABLE egg (id integer PRIMARY KEY, chicken integer);
CREATE TABLE chicken (id integer PRIMARY KEY, egg integer REFERENCES egg DEFERRABLE INITIALLY DEFERRED);
ALTER TABLE egg ADD FOREIGN KEY (chicken) REFERENCES chicken DEFERRABLE INITIALLY DEFERRED;
INSERT INTO egg VALUES (1, 1);
INSERT INTO chicken VALUES (1, 1);
-- a rule instead of an insert
CREATE TABLE ruled (a integer);
INSERT INTO ruled VALUES (1);
CREATE RULE never AS ON INSERT TO ruled DO INSTEAD NOTHING;
-- periods that don't overlap, constraints that are not enforced or not valid
CREATE TABLE booked (room integer, during daterange, PRIMARY KEY (room, during WITHOUT OVERLAPS));
INSERT INTO booked VALUES (1, '[2026-01-01,2026-02-01)'), (1, '[2026-02-01,2026-03-01)');
CREATE TABLE lax (a integer CHECK (a > 0) NOT ENFORCED, b integer);
INSERT INTO lax VALUES (-1, NULL);
ALTER TABLE lax ADD CONSTRAINT not_null NOT NULL b NOT VALID;
-- a user-defined operator class
CREATE TYPE complex AS (r float8, i float8);
CREATE FUNCTION size_of(v complex) RETURNS float8 LANGUAGE sql IMMUTABLE RETURN (v).r * (v).r + (v).i * (v).i;
CREATE FUNCTION compare(v complex, w complex) RETURNS integer LANGUAGE sql IMMUTABLE
    RETURN sign(zoo.size_of(v) - zoo.size_of(w))::integer;
CREATE FUNCTION complex_lt(v complex, w complex) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN zoo.compare(v, w) < 0;
CREATE FUNCTION complex_le(v complex, w complex) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN zoo.compare(v, w) <= 0;
CREATE FUNCTION complex_eq(v complex, w complex) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN zoo.compare(v, w) = 0;
CREATE FUNCTION complex_ge(v complex, w complex) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN zoo.compare(v, w) >= 0;
CREATE FUNCTION complex_gt(v complex, w complex) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN zoo.compare(v, w) > 0;
CREATE OPERATOR |<| (LEFTARG = complex, RIGHTARG = complex, FUNCTION = complex_lt);
CREATE OPERATOR |<=| (LEFTARG = complex, RIGHTARG = complex, FUNCTION = complex_le);
CREATE OPERATOR |=| (LEFTARG = complex, RIGHTARG = complex, FUNCTION = complex_eq);
CREATE OPERATOR |>=| (LEFTARG = complex, RIGHTARG = complex, FUNCTION = complex_ge);
CREATE OPERATOR |>| (LEFTARG = complex, RIGHTARG = complex, FUNCTION = complex_gt);
CREATE OPERATOR CLASS by_size FOR TYPE complex USING btree AS
    OPERATOR 1 |<|, OPERATOR 2 |<=|, OPERATOR 3 |=|, OPERATOR 4 |>=|, OPERATOR 5 |>|, FUNCTION 1 compare(complex, complex);
CREATE TABLE numbers (v complex);
INSERT INTO numbers VALUES ((1, 2)), ((3, 4)), (NULL);
CREATE UNIQUE INDEX ON numbers (v by_size);
-- the maximum number of columns
DO $do$ BEGIN
    EXECUTE 'CREATE TABLE wide (' || (SELECT string_agg('c' || n || ' integer', ', ') FROM generate_series(1, 1600) n) || ')';
END $do$;
INSERT INTO wide (c1, c1600) VALUES (1, 1600);
-- sequences that are small, cycle, or haven't been used yet
CREATE SEQUENCE small AS smallint MINVALUE -2 MAXVALUE 2 CYCLE;
SELECT nextval('small') FROM generate_series(1, 7);
CREATE SEQUENCE waiting;
SELECT setval('waiting', 77, false);
CREATE TABLE numbered (id bigint GENERATED ALWAYS AS IDENTITY, at integer) PARTITION BY RANGE (at);
CREATE TABLE numbered_1 PARTITION OF numbered FOR VALUES FROM (0) TO (10);
INSERT INTO numbered (at) VALUES (1), (2);
-- domains over domains, arrays that don't begin at 1, multiranges, the first and last times
CREATE DOMAIN few AS positive[] CHECK (cardinality(VALUE) < 5);
CREATE TABLE far_ends (f few, a integer[], m int4multirange, d date, ts timestamp, i interval, c "char", v bit varying,
                       x xid8, l pg_lsn, t tid);
INSERT INTO far_ends VALUES ('{1,2}', '[0:1]={1,2}', '{[1,3),[5,7)}', '5874897-12-31', '4713-01-01 00:00 BC', 'infinity',
                             'x', '10110', '18446744073709551615', 'FFFFFFFF/FFFFFFFF', '(4294967295,65535)'),
                            (NULL, '{{1,2},{3,4}}', '{}', '4713-01-01 BC', '294276-12-31 23:59:59.999999', '-infinity',
                             '', '', '0', '0/0', '(0,0)');
-- TOASTed values
CREATE TABLE toasted (t text COMPRESSION pglz, e text);
ALTER TABLE toasted ALTER COLUMN e SET STORAGE EXTERNAL;
INSERT INTO toasted SELECT string_agg(md5(n::text), ''), repeat('e', 100000) FROM generate_series(1, 5000) n;
-- access methods, collations, text search and statistics
CREATE ACCESS METHOD heap2 TYPE TABLE HANDLER heap_tableam_handler;
CREATE TABLE elsewhere (a integer) USING heap2;
INSERT INTO elsewhere VALUES (1);
CREATE COLLATION by_byte (provider = builtin, locale = 'C.UTF-8');
CREATE TABLE sorted (t text COLLATE by_byte PRIMARY KEY);
INSERT INTO sorted VALUES ('é'), ('e'), ('E');
CREATE TEXT SEARCH CONFIGURATION plain_english (COPY = pg_catalog.english);
CREATE INDEX ON sorted USING gin (to_tsvector('zoo.plain_english', t));
CREATE STATISTICS together (ndistinct, dependencies) ON a, c FROM computed;
-- a view that groups by a primary key, so it must be created after the key; an ALWAYS trigger
CREATE VIEW grouped AS SELECT id, chicken FROM egg GROUP BY id;
CREATE TRIGGER always BEFORE INSERT ON ruled FOR EACH ROW EXECUTE FUNCTION refuse();
ALTER TABLE ruled ENABLE ALWAYS TRIGGER always;

-- not ours
CREATE TABLE messages (id integer PRIMARY KEY, created_at integer);
INSERT INTO messages VALUES (1, 1767225600);
CREATE TABLE audit_log (id text PRIMARY KEY, ts text);
INSERT INTO audit_log VALUES ('x', 'yesterday evening');
CREATE TABLE a.jobs (id bigint, created_at timestamp GENERATED ALWAYS AS ('2026-01-01'::timestamp + interval '1 day' / (id - 1)) VIRTUAL);
INSERT INTO a.jobs VALUES (1);
CREATE TABLE a.messages (id bigint, created_at timestamp);
INSERT INTO a.messages VALUES (1, '294276-12-31');
CREATE TABLE a.audit_log (id json, ts timestamptz);
INSERT INTO a.audit_log VALUES ('{}', '2026-01-01');
CREATE TABLE a.backup_runs (id bigint, started_at timestamptz);
INSERT INTO a.backup_runs VALUES (1, 'infinity');
CREATE SUBSCRIPTION nowhere CONNECTION 'host=127.0.0.1 port=1 dbname=none connect_timeout=1'
    PUBLICATION none WITH (connect = false);
CREATE PUBLICATION everything FOR ALL TABLES WITH (publish = 'insert');
CREATE FUNCTION look() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$;
CREATE EVENT TRIGGER looks ON ddl_command_end EXECUTE FUNCTION zoo.look();
SELECT lo_from_bytea(0, '\x01');

-- a login trigger that writes, and an event trigger that refuses new objects
CREATE TABLE logins (who text, at timestamptz);
CREATE FUNCTION note_login() RETURNS event_trigger LANGUAGE plpgsql
    AS $$ BEGIN INSERT INTO zoo.logins VALUES (session_user, clock_timestamp()); END $$;
CREATE FUNCTION forbid() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'Nothing may be added here.'; END $$;
CREATE EVENT TRIGGER at_login ON login EXECUTE FUNCTION zoo.note_login();
CREATE EVENT TRIGGER forbids ON ddl_command_start EXECUTE FUNCTION zoo.forbid();
