#!/bin/bash
# postgres.sh: runs a command beside a PostgreSQL server of its own.
#
# usage: bench/peers/postgres.sh COMMAND...      e.g. build/release/bench/database
#
# The command finds the server by PGHOST (a folder), PGPORT, PGUSER and PGDATABASE, with a
# table `pages` of 10,000 rows. The server and its data are gone afterwards. Exit status:
# the command's; 2 when there is no PostgreSQL.
set -u
programs=$(dirname "$(ls /usr/lib/postgresql/*/bin/initdb 2>/dev/null | tail -1)")
[ -x "$programs/initdb" ] || {
    echo "postgres.sh: no PostgreSQL under /usr/lib/postgresql" >&2
    exit 2
}
dir=$(mktemp -d)
as=()
if [ "$(id -u)" -eq 0 ]; then # it refuses to be root's
    chown postgres "$dir"
    chmod 755 "$dir"
    as=(runuser -u postgres --)
fi
server() { "${as[@]}" "$programs/pg_ctl" -D "$dir/data" "$@" >>"$dir.log" 2>&1; }
trap 'server -m immediate stop; rm -rf "$dir" "$dir.log"' EXIT
export PGHOST=$dir PGPORT=5432 PGUSER=bench PGDATABASE=postgres
(cd / && "${as[@]}" "$programs/initdb" -U bench --auth=trust -D "$dir/data") >"$dir.log" 2>&1 &&
    server -w -o "-k $dir -c listen_addresses= -c fsync=off -c max_connections=100" start &&
    psql -q -c "CREATE TABLE pages AS SELECT id, 'page ' || id AS title FROM generate_series(1, 10000) id" \
        -c "ALTER TABLE pages ADD PRIMARY KEY (id)" -c "ANALYZE" ||
    { cat "$dir.log" >&2; exit 2; }
"$@"
