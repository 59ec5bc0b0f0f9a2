package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"time"

	"github.com/spf13/cobra"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/consign-dev/consign"
)

// Paths of the receiver.
const (
	hookPath = "/hook" // POST: a result
	heldPath = "/held" // GET: what the receiver holds
	healPath = "/heal" // POST: no more faults
)

// secretVariable is the environment variable in which the receiver gets the secret of the signatures.
const secretVariable = "CONSIGN_DEMO_SECRET" //nolint:gosec // the name of the variable, not a secret

// receiverOptions are what a demo tells its receiver.
type receiverOptions struct {
	// secret of the signatures.
	secret string
	// file that accepted results are written to.
	file string
	// forget is the id of a result that is accepted and not kept.
	forget string
	// counterparts is the directory of those of --sinks all. Without one there are none.
	counterparts string
}

// addresses are where the receiver's process listens. It prints them as a line of JSON.
type addresses struct {
	URL   string `json:"url"`
	NATS  string `json:"nats,omitempty"`
	Kafka string `json:"kafka,omitempty"`
}

// receiverCommand is the process that the demo delivers to.
func receiverCommand() *cobra.Command {
	var o receiverOptions
	command := &cobra.Command{
		Use:    "receiver",
		Short:  "The HTTP receiver of the demo, a process of its own",
		Long:   "The HTTP receiver of the demo. It prints where it listens, and ends when its standard input is closed.",
		Args:   cobra.NoArgs,
		Hidden: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			// Ctrl-C reaches every process of the terminal: this one stays until its parent ends it.
			signal.Ignore(os.Interrupt)
			o.secret = os.Getenv(secretVariable)
			return serveReceiver(cmd.Context(), cmd.InOrStdin(), cmd.OutOrStdout(), o)
		},
	}
	flags := command.Flags()
	flags.StringVar(&o.file, "file", "", "file to write accepted results to")
	flags.StringVar(&o.forget, "vanish", "", "accept the result with this id and do not keep it")
	flags.StringVar(&o.counterparts, "counterparts", "", "directory for a collector and a stream; serve them and a topic too")
	return command
}

// serveReceiver serves until stdin ends, whatever becomes of ctx, so that the receiver lives as long as
// its demo does and no longer.
func serveReceiver(ctx context.Context, stdin io.Reader, stdout io.Writer, o receiverOptions) error {
	r, err := newReceiver(o)
	if err != nil {
		return err
	}
	defer r.file.Close()
	var where addresses
	if o.counterparts != "" {
		further, err := openCounterparts(ctx, o.counterparts)
		if err != nil {
			return fmt.Errorf("demo receiver: %w", err)
		}
		defer further.close()
		where.NATS, where.Kafka = further.stream.ClientURL(), further.topic.ListenAddrs()[0]
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("demo receiver: listen on a free port of 127.0.0.1: %w", err)
	}
	server := &http.Server{Handler: r.handler(), ReadHeaderTimeout: 5 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	where.URL = "http://" + listener.Addr().String()
	if err := json.NewEncoder(stdout).Encode(where); err != nil {
		return fmt.Errorf("demo receiver: print where it listens: %w", err)
	}
	_, _ = io.Copy(io.Discard, stdin)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if server.Shutdown(ctx) != nil {
		server.Close()
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("demo receiver: %w", err)
	}
	return nil
}

// receiver takes results, as a system downstream would, and fails some on purpose: see [faultOf].
type receiver struct {
	verifier *standardwebhooks.Webhook
	forget   string // the id of a result that is accepted and not kept

	mu     sync.Mutex
	file   *os.File
	tries  map[string]int // requests for each result id
	forged int            // requests without a valid signature
	healed bool
}

func newReceiver(o receiverOptions) (*receiver, error) {
	verifier, err := standardwebhooks.NewWebhook(o.secret)
	if err != nil {
		return nil, fmt.Errorf("demo receiver: secret in %s: %w", secretVariable, err)
	}
	file, err := os.OpenFile(o.file, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("demo receiver: open its file: %w", err)
	}
	return &receiver{verifier: verifier, forget: o.forget, file: file, tries: map[string]int{}}, nil
}

func (r *receiver) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+hookPath, r.take)
	mux.HandleFunc("GET "+heldPath, r.show)
	mux.HandleFunc("POST "+healPath, r.heal)
	return mux
}

func (r *receiver) take(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, request.Body, 2*consign.MaxConsignmentBytes))
	if err != nil {
		http.Error(w, "the body cannot be read", http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.verifier.Verify(body, request.Header); err != nil {
		r.forged++
		http.Error(w, err.Error(), http.StatusUnauthorized)
		return
	}
	var result consign.Result
	if err := json.Unmarshal(body, &result); err != nil || bytes.ContainsRune(body, '\n') {
		http.Error(w, "the body is not one line of JSON", http.StatusBadRequest)
		return
	}
	r.tries[result.ID]++
	if fault := faultOf(result.ID); !r.healed && r.tries[result.ID] <= fault.tries {
		http.Error(w, "the demo fails this one on purpose", fault.status)
		return
	}
	if result.ID == r.forget {
		return
	}
	if err := r.keep(request.Header.Get(standardwebhooks.HeaderWebhookID), body); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

// keep writes one line around the body, whose bytes stay as they came, and answers for the disk.
func (r *receiver) keep(deliveryID string, body []byte) error {
	id, err := json.Marshal(deliveryID)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(r.file, `{"delivery_id":%s,"body":%s}`+"\n", id, body); err != nil {
		return err
	}
	return r.file.Sync()
}

func (r *receiver) show(w http.ResponseWriter, _ *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	held, err := r.held()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false) // it would rewrite the bodies
	if err := encoder.Encode(held); err != nil {
		panic(http.ErrAbortHandler) // half an answer must not pass for a whole one
	}
}

func (r *receiver) heal(http.ResponseWriter, *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.healed = true
}

// held is what a receiver holds, and what it was asked for.
type held struct {
	Deliveries []heldDelivery `json:"deliveries"`
	// Tries counts the requests for each result id, refused ones too.
	Tries map[string]int `json:"tries"`
	// Forged counts requests without a valid signature.
	Forged int `json:"forged"`
}

type heldDelivery struct {
	DeliveryID string          `json:"delivery_id"`
	Body       json.RawMessage `json:"body"`
}

// held reads the file: what is not there was not received.
func (r *receiver) held() (held, error) {
	h := held{Tries: r.tries, Forged: r.forged, Deliveries: []heldDelivery{}}
	text, err := os.ReadFile(r.file.Name())
	if err != nil {
		return h, err
	}
	for line := range bytes.Lines(text) {
		var delivery heldDelivery
		if err := json.Unmarshal(line, &delivery); err != nil {
			return h, err
		}
		h.Deliveries = append(h.Deliveries, delivery)
	}
	return h, nil
}
