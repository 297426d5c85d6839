-- When people are taken is read from claims alone. What was written before claims were taken, or beside those of
-- another, has none: every live appointment that was not over when it was written leaves a span, as it would now.
-- 4: Appointment. See session/taken.rs for the keys.
INSERT OR IGNORE INTO claim (tenant, key, at, owner, until)
SELECT tenant, 'span/' || person || '/' || printf('%018d', max(moment, 0)) || '/Appointment/' || id, last_updated,
    'Appointment/' || id, free_from
FROM (
    SELECT r.tenant, r.id, r.moment, r.last_updated, json_extract(p.value, '$.actor.reference') AS person,
        (unixepoch(json_extract(r.body, '$.end')) + CASE
            WHEN json_extract(p.value, '$.actor.reference') GLOB 'Practitioner/*' THEN coalesce((
                SELECT 60 * json_extract(e.value, '$.valueUnsignedInt')
                FROM json_each(r.body, '$.extension') e
                WHERE json_extract(e.value, '$.url') = 'urn:medcor:appointment-buffer'), 0)
            ELSE 0 END) * 1000000 AS free_from
    FROM resource r, json_each(r.body, '$.participant') p
    WHERE r.type = 4 AND r.state IN (0, 2) AND r.moment > -9223372036854775808
        AND json_extract(r.body, '$.status') IN ('pending', 'booked', 'arrived', 'checked-in', 'fulfilled')
        AND json_extract(p.value, '$.status') <> 'declined'
)
WHERE (person GLOB 'Practitioner/*' OR person GLOB 'Patient/*') AND free_from > last_updated;
