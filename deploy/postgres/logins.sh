#!/bin/bash
# Runs once, on an empty data folder, as the server's administrator: makes the product's logins and its database, which
# is UTF-8 whatever the locale of the image.
#
# The groups are made in the owner's name, as its migrations would make them, so that the logins can be members before
# the first migration. Later changes of a password are made with `alter role`.
set -euo pipefail

psql --no-psqlrc --set ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname postgres \
    --set owner_password="$TELEMETRY_OWNER_PASSWORD" \
    --set consumer_password="$TELEMETRY_CONSUMER_PASSWORD" \
    --set ingest_password="$TELEMETRY_INGEST_PASSWORD" <<'SQL'
-- Runs `consumer migrate`. No superuser.
create role telemetry_owner login createrole password :'owner_password';
create database telemetry owner telemetry_owner template template0 encoding 'UTF8';

set role telemetry_owner;
create role telemetry_writer nologin;
create role telemetry_reader nologin;
create role telemetry_upkeep nologin;
reset role;

-- COPY into a table with row level security needs BYPASSRLS, which only an administrator grants.
create role telemetry_consumer login bypassrls password :'consumer_password';
grant telemetry_writer, telemetry_upkeep to telemetry_consumer;
create role telemetry_ingest login password :'ingest_password';
grant telemetry_reader to telemetry_ingest;
SQL
