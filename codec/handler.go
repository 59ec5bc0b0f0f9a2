package codec

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"

	"go.temporal.io/sdk/converter"

	"github.com/consign-dev/consign"
)

const (
	// maxBody bounds a request, in bytes. Temporal's answers, from which payloads come, are at most 4 MiB,
	// and base64 makes a third more of them.
	maxBody = 8 << 20
	// atOnce is how many requests are worked on at once; others wait.
	atOnce = 4
)

// Options of a handler.
type Options struct {
	// Origins of the Web UIs whose pages may ask, as browsers write them: https://temporal.example.com.
	// A page of the origin that the handler itself is served at may always ask.
	Origins []string
	// Guarded has it answer only who calls it by a name of loopback, or by the host of an origin. A page
	// whose own name was made to lead to 127.0.0.1 (DNS rebinding) would pass for one of the same origin.
	Guarded bool
}

// Handler serves POST …/decode and …/encode, below any path. It encodes nothing: what comes is json/plain,
// and stays readable. The error names an origin that is none.
func Handler(o Options) (http.Handler, error) {
	protection := http.NewCrossOriginProtection()
	hosts := map[string]bool{}
	for _, origin := range o.Origins {
		if err := protection.AddTrustedOrigin(origin); err != nil {
			return nil, fmt.Errorf("origin %q: %w: write it as scheme://host or scheme://host:port, such as https://temporal.example.com", origin, err)
		}
		if parsed, err := url.Parse(origin); err == nil {
			hosts[parsed.Hostname()] = true
		}
	}
	handler := protection.Handler(taken(converter.NewPayloadCodecHTTPHandler(bounded{consign.Codec()})))
	handler = shared(handler, o.Origins)
	if o.Guarded {
		handler = guarded(handler, hosts)
	}
	return handler, nil
}

// taken bounds what requests cost.
func taken(next http.Handler) http.Handler {
	places := make(chan struct{}, atOnce)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case places <- struct{}{}:
			defer func() { <-places }()
		case <-r.Context().Done():
			return
		}
		if r.ContentLength > maxBody {
			http.Error(w, fmt.Sprintf("at most %d bytes are taken at once", maxBody), http.StatusRequestEntityTooLarge)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		next.ServeHTTP(w, r)
	})
}

// shared lets pages of other origins read the answers (CORS): the Web UI asks from its own. It may be told
// to send credentials, which matter to a proxy in front of this only.
func shared(next http.Handler, origins []string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Add("Vary", "Origin")
		if origin := r.Header.Get("Origin"); slices.Contains(origins, origin) {
			header.Set("Access-Control-Allow-Origin", origin)
			header.Set("Access-Control-Allow-Credentials", "true")
			if r.Method == http.MethodOptions {
				header.Set("Access-Control-Allow-Methods", http.MethodPost)
				header.Set("Access-Control-Allow-Headers", r.Header.Get("Access-Control-Request-Headers"))
				header.Set("Access-Control-Max-Age", "600")
			}
		}
		if r.Method == http.MethodOptions {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func guarded(next http.Handler, hosts map[string]bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if host := (&url.URL{Host: r.Host}).Hostname(); !hosts[host] && !loopback(host) {
			http.Error(w, fmt.Sprintf("This answers to localhost, 127.0.0.1, [::1] and the hosts of its origins, not to %q.", host), http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
