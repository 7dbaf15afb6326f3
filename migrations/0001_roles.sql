-- What the rest stands on: a server and a database that can hold the events, and the groups that rights are given to.

do $$
begin
    -- `nulls not distinct`, on which the aggregate table's key rests, came with 15.
    if current_setting('server_version_num')::integer < 150000 then
        raise exception 'PostgreSQL 15 or newer is needed, this is %', current_setting('server_version')
            using errcode = 'feature_not_supported';
    end if;
    -- Lengths are counted in code points; another encoding would count, or refuse, something else.
    if current_setting('server_encoding') <> 'UTF8' then
        raise exception 'the database must have the encoding UTF8, it has %', current_setting('server_encoding')
            using errcode = 'feature_not_supported',
            hint = 'Create it with: create database … template template0 encoding ''UTF8''.';
    end if;
end
$$;

-- Groups, not logins: nobody can connect as one of them, and no password stands here.
do $$
declare
    missing text;
begin
    foreach missing in array array ['anon', 'service_role', 'telemetry_writer', 'telemetry_reader']
    loop
        continue when exists (select from pg_catalog.pg_roles where rolname = missing);
        begin
            execute format('create role %I nologin', missing);
        exception
            -- Roles belong to the whole cluster: the migration of another database may have just made it.
            when duplicate_object or unique_violation then
                null;
            when insufficient_privilege then
                raise exception 'the role % does not exist and % may not create it', missing, current_user
                    using errcode = 'insufficient_privilege',
                    hint = format('Have an administrator run "alter role %I createrole" or "create role %I nologin".',
                        current_user, missing);
        end;
    end loop;
end
$$;
