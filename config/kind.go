package config

// Kind is what reading a file needs to know of a kind of sink, or of source.
type Kind struct {
	// Name is the key under which the kind's settings stand: "webhook".
	Name string
	// Summary says in a few words what it delivers to, or reads from.
	Summary string
	// Source is true for a kind of source, which stands under "sources". Network and External are for sinks.
	Source bool
	// Network is true for kinds that cross a network, whose retries outlast a restart of the receiver.
	Network bool
	// External is true for a kind whose attempts are made by workers other than Consign's own.
	External bool
	// New returns a pointer to the kind's settings, a struct with yaml tags, at their zero value.
	New func() Settings
}

// Settings are a kind's own settings.
type Settings interface {
	// SetDefaults fills in what the file leaves out. Fields whose zero value differs from being left
	// out are pointers.
	SetDefaults()
	// Validate reports what the file says wrong, by the name of the field ("url", "headers.X-Key",
	// "to[0]"; "" for the settings as a whole), with a message such as `"htps://…": unknown scheme
	// "htps"`. It runs after SetDefaults. What came through a variable or is a Secret is taken out of
	// the message; a field whose value could not even be read is not reported again.
	Validate(report func(field, problem string))
}
