package main

// Report is one run. Figures that were not asked for are left out.
type Report struct {
	Machine Machine `json:"machine"`
	Load    Load    `json:"load"`

	Floor   *Floor        `json:"floor,omitempty"`
	Single  *Single       `json:"single,omitempty"`
	Alone   *Alone        `json:"alone,omitempty"`
	Plain   *Plain        `json:"plain,omitempty"`
	Paced   *Paced        `json:"paced,omitempty"`
	Flooded *floodedThree `json:"flooded,omitempty"`
	// FloodedWebhook has one signed request for each result.
	FloodedWebhook *floodedWebhook `json:"flooded_webhook,omitempty"`
	HTTPIngest     *HTTPIngest     `json:"http_ingest,omitempty"`
	TwoWorkers     *TwoWorkers     `json:"two_workers,omitempty"`
	DeadSink       *DeadSink       `json:"dead_sink,omitempty"`
	Replaying      *Replaying      `json:"replay,omitempty"`
	Resident       *Resident       `json:"resident,omitempty"`
	Steady         *Steady         `json:"steady,omitempty"`
	Growth         *Growth         `json:"growth,omitempty"`
}

// Load is what was put on it.
type Load struct {
	InFlight        int `json:"in_flight"`
	PayloadBytes    int `json:"payload_bytes"`
	ResultsPerRound int `json:"results_per_round"`
	Rounds          int `json:"rounds"`
}

// figure is what was measured under one name. One that was not, a nil pointer, has no rows and no bars.
type figure interface {
	// rows are its lines of the table; each begins with the name.
	rows() []row
	// bars are what -plot draws of it.
	bars() []bar
}

// figures of the report, in the order in which they are measured.
func (r Report) figures() []figure {
	return []figure{
		r.Floor, r.Single, r.Alone, r.Plain, r.Paced, r.Flooded, r.FloodedWebhook, r.HTTPIngest, r.TwoWorkers, r.DeadSink, r.Replaying, r.Resident, r.Steady, r.Growth,
	}
}

// Beside is the floor that was measured in turn with a figure, on the same server.
type Beside struct {
	FloorPerSecond float64 `json:"floor_per_second"`
	FloorCPU       float64 `json:"floor_cpu_ms"`
}
