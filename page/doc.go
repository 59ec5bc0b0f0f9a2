// Package page is Consign's page for people: how everything stands, why a result did not arrive, and the buttons to
// send it again.
//
// It is rendered here, needs no build and nothing from elsewhere, and works without JavaScript; with it, it keeps
// itself up to date and listens to keys. Each folder of addresses has a file: overview.go, sinks.go, deadletters.go,
// orders.go, result.go, login.go. What they show comes from packages status, trace and deadletters, as with the commands of
// the same names, and what they do is what those commands do.
package page
