package http

import (
	_ "embed"
	"net/http"
)

// description of what is served, in OpenAPI 3.1.
//
//go:embed openapi.json
var description []byte

func (s *Server) openAPI(w http.ResponseWriter, _ *http.Request) {
	s.metrics.requests.WithLabelValues("2xx").Inc()
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(description) // who has gone cannot be told
}
