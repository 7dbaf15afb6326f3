-- Who may do what in the schema. A file of its own, and so a transaction of its own: the groups may have been made by
-- the migration of another database a moment ago, and a transaction that began before that does not see them.

-- Databases that were upgraded from before 15 still let everybody create objects in `public`.
revoke create on schema public from public, anon, service_role, telemetry_writer, telemetry_reader;
grant usage on schema public to anon, service_role, telemetry_writer, telemetry_reader;

-- The list of applied migrations is nobody's business, whatever the default grants say. It is missing when
-- these files are run by hand.
do $$
begin
    if to_regclass('public._sqlx_migrations') is not null then
        revoke all on public._sqlx_migrations from public, anon, service_role, telemetry_writer, telemetry_reader;
    end if;
    if exists (select from pg_catalog.pg_roles where rolname = 'authenticated') then
        revoke create on schema public from authenticated;
        if to_regclass('public._sqlx_migrations') is not null then
            revoke all on public._sqlx_migrations from authenticated;
        end if;
    end if;
end
$$;
