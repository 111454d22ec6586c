CREATE SCHEMA zoo;
SET search_path = zoo, public;
CREATE EXTENSION IF NOT EXISTS amcheck SCHEMA public;
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

-- not ours
CREATE TABLE messages (id integer PRIMARY KEY, created_at integer);
INSERT INTO messages VALUES (1, 1767225600);
CREATE TABLE audit_log (id text PRIMARY KEY, ts text);
INSERT INTO audit_log VALUES ('x', 'yesterday evening');
CREATE SUBSCRIPTION nowhere CONNECTION 'host=127.0.0.1 port=1 dbname=none connect_timeout=1'
    PUBLICATION none WITH (connect = false);
CREATE PUBLICATION everything FOR ALL TABLES;
CREATE FUNCTION look() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$;
CREATE EVENT TRIGGER looks ON ddl_command_end EXECUTE FUNCTION zoo.look();
SELECT lo_from_bytea(0, '\x01');
