#!/bin/sh
# Creates and upgrades Temporal's two databases. A one-shot job that runs before the server starts, on
# every `docker compose up`: each step leaves alone what is there already (setup-schema never lowers a
# version, update-schema applies only the versions that are missing).
#
# temporal-sql-tool reads SQL_PLUGIN, SQL_HOST, SQL_PORT, SQL_USER and SQL_PASSWORD from the
# environment; the schemas are embedded in it.
set -eu

prepare() {
	temporal-sql-tool --db "$1" create-database
	temporal-sql-tool --db "$1" setup-schema --version 0.0
	temporal-sql-tool --db "$1" update-schema --schema-name "$2"
}

prepare temporal postgresql/v12/temporal
prepare temporal_visibility postgresql/v12/visibility
