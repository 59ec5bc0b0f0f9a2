// Package config reads Consign's configuration: one YAML file, read strictly.
//
// Every mistake in the file is reported at once, each with file, line, column, the path of the
// setting, what is allowed there, and the nearest name where a name looks mistyped. Secrets come
// from the environment (${NAME}) or from files, and are never printed.
//
//	sinks:
//	  archive:
//	    file:
//	      path: results.ndjson
//	  slack-critical:
//	    webhook:
//	      url: ${SLACK_URL}
//	      secret: ${SLACK_SECRET}
//	    retry:
//	      max: 5
//	      backoff: 1s
//
// A sink is named by its key. Below it stand the kind with its own settings, and the settings that
// every sink has: see [Delivery]. The section "defaults" sets those for all sinks.
//
// This package knows no kind of sink itself: the caller passes the kinds it has. See [Kind].
package config
