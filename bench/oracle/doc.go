// Command oracle proves, or refutes, that nothing is lost and nothing acked early whatever is killed:
//
//	go run ./bench/oracle                        # 20,000 results, 24 kills, 6 stops of 15 s
//	go run ./bench/oracle -seed 7 -results 2000
//	go run ./bench/oracle -sinks all             # every kind of sink, and not only files and webhooks
//	go run ./bench/oracle -source batch          # or http, or jetstream
//	go run ./bench/oracle -plant ack-early       # a bug on purpose: it must be caught
//
// A submitter, two workers, a Temporal server and two receivers run as processes of their own. The
// receivers fail, hang, refuse for good, take a result and answer 500, or take it and reset the
// connection, as the seed has it. Each process in turn is killed with SIGKILL, or held by SIGSTOP, while
// results are under way, and started again. In the end the receivers are healed and every dead letter
// is replayed.
//
// Each process writes down what it did, fsynced before anyone hears of it: the submitter what it
// submitted and which acks came, the receivers what they took. Only when all is over does the judge
// compare these ledgers, the file sink's file and Temporal's own histories. See verdict for what it
// looks for.
//
// With -source results are handed in as producers do it that send many: by a Submitter (batch), which has results
// share workflows; to the workers' POST /v1/results (http), every other request with ?wait=committed; or
// through a stream of NATS JetStream that the workers read (jetstream), and that another process holds, which is not
// killed. -batch says how many results may share a workflow there too. Whoever hands in goes on, when it was
// killed, with all that it was not told is stored. Then a result may come to stand in several workflows, and the judge
// wants a reason for each of them.
//
// With -sinks there is another process, the rack, which is not killed. It holds what stands behind the
// other kinds: a PostgreSQL (left out, with a word, where none is installed; CONSIGN_REQUIRE_POSTGRES=1
// demands it), a store of S3, a NATS server with JetStream, a broker of the Kafka protocol, a receiver
// of OTLP logs and a listener on a Unix socket. What workers print is read by the oracle itself. The
// store and the receiver of logs misbehave as the webhooks' do; PostgreSQL, NATS, Kafka and OTLP are
// reached through proxies that break connections.
package main
