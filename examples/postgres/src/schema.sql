-- A log in a schema of its own. `log` in braces stands for its name.

CREATE SCHEMA IF NOT EXISTS {log};

CREATE SEQUENCE IF NOT EXISTS {log}.numbers;

-- The log. Readers see entries in the order of their numbers.
CREATE TABLE IF NOT EXISTS {log}.entries (
    number bigint PRIMARY KEY,
    -- Drawn at random. If an older copy of the database is put back, numbers come again, but not with the same tags.
    tag bigint NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    topic text,
    mark text,
    fields json NOT NULL,
    once text
);
-- Hash indexes take values of any length.
CREATE INDEX IF NOT EXISTS entries_finished ON {log}.entries USING hash (topic) WHERE mark = 'finish';
CREATE INDEX IF NOT EXISTS entries_once ON {log}.entries USING hash (once) WHERE once IS NOT NULL;

-- Events of transactions that are still open. A row never outlives its transaction, so nothing is lost with the table.
CREATE UNLOGGED TABLE IF NOT EXISTS {log}.outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic text NOT NULL,
    mark text CHECK (mark = 'finish'),
    fields json NOT NULL DEFAULT '{}',
    once text
);

-- Appends records in turn. Returns a number and a tag for each, or nulls if its topic is finished.
--
-- The lock is held until the transaction has ended, which is after its entries have become visible. So numbers are given
-- out in the order of the commits, and nothing with a smaller number becomes visible later.
CREATE OR REPLACE FUNCTION {log}.append(topics text[], marks text[], fields text[], keys text[])
RETURNS TABLE (number bigint, tag bigint) LANGUAGE plpgsql VOLATILE AS $function$
DECLARE
    is_new boolean := false;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('ssekit {log}', 0));
    FOR i IN 1 .. cardinality(topics) LOOP
        number := NULL;
        tag := NULL;
        IF keys[i] IS NOT NULL THEN
            SELECT e.number, e.tag INTO number, tag FROM {log}.entries e WHERE e.once = keys[i];
        END IF;
        IF number IS NULL AND (CASE
            -- As the oldest entry it says that nothing was removed, so nothing may come before it.
            WHEN marks[i] = 'begin' THEN NOT EXISTS (SELECT FROM {log}.entries)
            ELSE NOT EXISTS (SELECT FROM {log}.entries e WHERE e.mark = 'finish' AND e.topic = topics[i])
        END) THEN
            INSERT INTO {log}.entries AS e (number, tag, topic, mark, fields, once)
            VALUES (
                nextval('{log}.numbers'),
                ('x' || left(translate(gen_random_uuid()::text, '-', ''), 16))::bit(64)::bigint,
                topics[i], marks[i], fields[i]::json, keys[i]
            )
            RETURNING e.number, e.tag INTO number, tag;
            is_new := true;
        END IF;
        RETURN NEXT;
    END LOOP;
    IF is_new THEN
        PERFORM pg_notify('{log}', '');
    END IF;
END $function$;

-- Moves a row of the outbox to the log. It runs when the transaction commits, whatever came between.
CREATE OR REPLACE FUNCTION {log}.append_outbox() RETURNS trigger LANGUAGE plpgsql AS $function$
DECLARE
    appended bigint;
BEGIN
    DELETE FROM {log}.outbox WHERE id = NEW.id;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    SELECT a.number INTO appended
    FROM {log}.append(ARRAY[NEW.topic], ARRAY[NEW.mark], ARRAY[NEW.fields::text], ARRAY[NEW.once]) a;
    IF appended IS NULL AND NEW.mark IS NULL THEN
        RAISE EXCEPTION 'the topic % is finished', NEW.topic USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    RETURN NULL;
END $function$;

DO $block$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = '{log}.outbox'::regclass AND tgname = 'append_outbox') THEN
        CREATE CONSTRAINT TRIGGER append_outbox AFTER INSERT ON {log}.outbox
            DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION {log}.append_outbox();
    END IF;
END $block$;

-- Removes the oldest entries beyond a number of entries, and those older than a number of seconds, but never the newest.
CREATE OR REPLACE FUNCTION {log}.trim(max_entries bigint, max_seconds float8) RETURNS void LANGUAGE sql AS $function$
    DELETE FROM {log}.entries WHERE number < greatest(
        (SELECT max(number) FROM {log}.entries) - max_entries + 1,
        CASE WHEN max_seconds IS NOT NULL THEN coalesce(
            (SELECT number FROM {log}.entries WHERE at >= now() - make_interval(secs => max_seconds) ORDER BY number LIMIT 1),
            (SELECT max(number) FROM {log}.entries)
        ) END
    )
$function$;

SELECT {log}.append(ARRAY[NULL::text], ARRAY['begin'], ARRAY['{}'], ARRAY[NULL::text]);
