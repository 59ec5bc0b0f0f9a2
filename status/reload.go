package status

// Changes are what a reload has changed in a worker.
type Changes struct {
	// Sinks by name, in the order of the configuration.
	Added     []string `json:"added,omitempty"`
	Changed   []string `json:"changed,omitempty"`
	Removed   []string `json:"removed,omitempty"`
	Unchanged []string `json:"unchanged,omitempty"`
	// Restart names parts of the configuration that have changed and that change with a restart of the worker only.
	Restart []string `json:"restart_needed,omitempty"`
}

// ReloadInput is the argument of the activity "reload".
type ReloadInput struct {
	// By is who asks for it, for the log: user@host.
	By string `json:"by,omitempty"`
}

// Reload is what a worker says of having read its configuration anew: the answer of the activity "reload".
type Reload struct {
	// Identity of the worker.
	Identity string `json:"identity"`
	// Config that it goes by now: the one from before, where it has refused.
	Config Config `json:"config"`
	// Changes are all empty where it has refused.
	Changes
	// Refused are the mistakes for which it keeps the configuration from before, one text for each: with file, line and
	// column where it is one of the file. Empty: it has reloaded.
	Refused []string `json:"refused,omitempty"`
}
