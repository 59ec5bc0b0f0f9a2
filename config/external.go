package config

// external holds a sink to what is so for every one that a worker of somebody else serves.
func (r *reader) external(d *Delivery, own layer) {
	if own.has("inline") && *d.Inline {
		r.among(own)("inline", "an external sink has no inline attempt, its own worker makes them all: leave this out")
	}
	d.Inline = new(false)
	for field, message := range map[string]string{
		"concurrency":    "has no effect: how many attempts an external sink has under way is for its own worker to say",
		"circuit":        "has no effect: how many attempts an external sink has under way is for its own worker to say",
		"permanent":      "has no effect: whether a failure may heal is for the external sink's own worker to say",
		"transient":      "has no effect: whether a failure may heal is for the external sink's own worker to say",
		"retry.schedule": "says how often; how soon is for the external sink's own worker to say: it must ask for these waits, which it finds in policy.schedule_ms",
	} {
		r.note(field, message, own)
	}
}
