-- When people are taken is read from claims alone. What was written before claims were taken, or beside those of
-- another, has none: every live appointment that was not over when it was written leaves a span, as it would now.
-- 4: Appointment. See session/taken.rs for the keys.
INSERT INTO claim (tenant, key, at, owner, until)
SELECT tenant, 'span/' || person || '/' || lpad(greatest(moment, 0)::text, 18, '0') || '/Appointment/' || id,
    last_updated, 'Appointment/' || id, free_from
FROM (
    SELECT r.tenant, r.id, r.moment, r.last_updated, p.value #>> '{actor,reference}' AS person,
        (extract(epoch FROM (r.body::jsonb ->> 'end')::timestamptz)::bigint + CASE
            WHEN p.value #>> '{actor,reference}' LIKE 'Practitioner/%' THEN coalesce((
                SELECT 60 * (e.value ->> 'valueUnsignedInt')::bigint
                FROM jsonb_array_elements(r.body::jsonb -> 'extension') e
                WHERE e.value ->> 'url' = 'urn:medcor:appointment-buffer' LIMIT 1), 0)
            ELSE 0 END) * 1000000 AS free_from
    FROM resource r CROSS JOIN LATERAL jsonb_array_elements(r.body::jsonb -> 'participant') p
    WHERE r.type = 4 AND r.state IN (0, 2) AND r.moment > (-9223372036854775808)::bigint
        AND r.body::jsonb ->> 'status' IN ('pending', 'booked', 'arrived', 'checked-in', 'fulfilled')
        AND p.value ->> 'status' <> 'declined'
) live
WHERE (person LIKE 'Practitioner/%' OR person LIKE 'Patient/%')
    AND free_from > last_updated
ON CONFLICT DO NOTHING;
