package consign

// Names that Consign uses in Temporal. They are a public contract: any Temporal SDK, in any
// language, can start a Deliver workflow and read its receipt by these names alone.
const (
	// TaskQueue is where workflows, and the activities route, park and ack, are worked on.
	TaskQueue = "consign"

	// DeliverWorkflow is the workflow type that takes a Consignment and returns a Receipt.
	DeliverWorkflow = "Deliver"
	// DeadLetterWorkflow is the workflow type that holds what could not be delivered.
	DeadLetterWorkflow = "DeadLetter"

	// BulkWorkflow is the workflow type that carries out an order about many dead letters.
	BulkWorkflow = "Bulk"

	// FirstAttemptsUpdate is the update of Deliver that returns once every first attempt is over.
	FirstAttemptsUpdate = "first_attempts"

	// RetryNowUpdate and ParkNowUpdate are the updates of Deliver by which a person decides about what
	// waits for a sink.
	RetryNowUpdate = "retry_now"
	ParkNowUpdate  = "park_now"

	// ReplaySignal asks a dead letter to deliver once more, DiscardSignal to give up for good. The updates ask for the
	// same, and return an [OrderOutcome] when it is over.
	ReplaySignal  = "replay"
	DiscardSignal = "discard"
	ReplayUpdate  = "replay"
	DiscardUpdate = "discard"
	// RecordQuery returns a dead letter's Record.
	RecordQuery = "record"

	// AckSignal is the default name of the signal sent to a workflow that waits for an ack.
	AckSignal = "ack"

	// DigestMemo is the memo key under which a Deliver workflow keeps the digest of its data.
	DigestMemo = "digest"
	// HeaderMemo is the memo key under which a dead letter keeps its header, for listings.
	HeaderMemo = "header"
	// OrderMemo is the memo key under which a Bulk workflow keeps its order, without the ids, for listings.
	OrderMemo = "order"
)

// BulkPrefix begins the ids of bulk orders.
const BulkPrefix = "bulk/"

// How the workflow ids of deliveries and of dead letters begin.
const (
	deliveryPrefix   = "consign/"
	deadLetterPrefix = "dead-letter/"
)

// Names of the activity types.
const (
	RouteActivity   = "route"
	DeliverActivity = "deliver"
	ParkActivity    = "park"
	AckActivity     = "ack"
	WaitingActivity = "waiting"
	// StandingActivity and TailActivity are answered by each worker for itself, on its [WorkerQueue].
	StandingActivity = "standing"
	TailActivity     = "tail"
	// BulkActivity carries out a bulk order, in a workflow of the type [BulkWorkflow].
	BulkActivity = "bulk"
	// ReloadActivity has a worker read its configuration anew, on its [WorkerQueue].
	ReloadActivity = "reload"
)

// Search attributes, all of type Keyword. Source and type are set when a Deliver workflow starts;
// the others appear only once something has failed.
const (
	SourceAttribute = "ConsignSource"
	TypeAttribute   = "ConsignType"
	StateAttribute  = "ConsignState"
	SinkAttribute   = "ConsignSink"
	CauseAttribute  = "ConsignCause"
)

// SearchAttributes lists the search attributes that a namespace needs, in the order in which an
// embedded server assigns its columns. Append only: the order is kept in databases.
func SearchAttributes() []string {
	return []string{SourceAttribute, TypeAttribute, StateAttribute, SinkAttribute, CauseAttribute}
}

// Values of the ConsignState search attribute.
const (
	StateRetrying  = "retrying"
	StateParked    = "parked"
	StateReplayed  = "replayed"
	StateDiscarded = "discarded"
)

// SinkQueue is the task queue of a sink's queued attempts.
func SinkQueue(sink string) string { return TaskQueue + "." + sink }

// WorkerQueue is the task queue that one worker alone polls, to tell of itself. Its identity is that of its
// pollers on [TaskQueue], and begins with the host and the process: HOST/PID/XXXX.
func WorkerQueue(identity string) string { return TaskQueue + ".worker/" + identity }
