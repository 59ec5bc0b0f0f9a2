// Consign's contract (docs/contract.md) for TypeScript: what docs/schemas describe, by the same names.
// Fields may be added to what Consign writes.

export interface Consignment {
  results: Entry[];
}

export interface Result {
  source: string;
  id: string;
  type?: string;
  time?: string;
  subject?: string;
  traceparent?: string;
  tracestate?: string;
  data: unknown;
}

export interface Entry extends Result {
  ack?: AckTarget;
}

/** Exactly one of them. */
export interface AckTarget {
  signal?: { workflow_id: string; run_id?: string; name?: string };
  http?: { url: string };
  nats?: { source: string; subject: string };
}

export interface FirstAttemptsRequest {
  digest?: string;
  ack?: AckTarget;
}

export interface FirstAttempts {
  committed: boolean;
  receipt?: Receipt;
}

export interface RetryNowRequest {
  sink: string;
  spread_ms?: number;
  by?: string;
}

export interface ParkNowRequest {
  sink: string;
  by?: string;
}

export interface Waiting {
  legs: number;
  busy?: number;
}

export interface Receipt {
  results: number;
  legs: LegReceipt[];
  unrouted?: { index: number; outcome: string }[];
  ack: string;
  ack_errors?: { index: number; cause: string }[];
}

export interface LegReceipt {
  sink: string;
  kind?: string;
  outcome: string;
  attempts: number;
  cause?: string;
  dead_letter?: string;
  except?: LegException[];
  skipped?: number[];
}

export interface LegException {
  index: number;
  outcome: string;
  cause?: string;
  dead_letter?: string;
}

export interface Ack {
  source: string;
  id: string;
  receipt: Receipt;
}

export interface DeadLetter {
  id: string;
  sink: string;
  kind?: string;
  state: string;
  label: string;
  cause: string;
  parked_at: string;
  first: string;
  workflow_id: string;
  run_id: string;
  results: Result[] | null;
  attempts: Attempt[] | null;
  made: number;
  replays: number;
  replayed_by?: string;
  replayed_to?: string;
  also_to?: LegReceipt[];
  reason?: string;
}

export interface DeliverInput {
  sink: string;
  kind: string;
  batch: Item[];
  first: string;
  policy: Policy;
  made: number;
  before?: number;
  at?: string;
  leg?: string;
  replay?: boolean;
  settle?: boolean;
}

export interface Item {
  delivery_id: string;
  result: Result;
}

export interface Policy {
  timeout_ms: number;
  retry_max: number;
  backoff_ms: number;
  max_backoff_ms: number;
  schedule_ms?: number[];
  jitter?: number;
  max_retry_after_ms?: number;
  max_age_ms?: number;
  batch_max: number;
  inline: boolean;
  best_effort?: boolean;
}

export interface Outcome {
  failures?: Failed[];
  made: number;
  free?: number;
  attempts?: Attempt[];
  after_ms?: number;
  skipped?: string;
  dropped?: boolean;
}

export interface Failed {
  index: number;
  permanent?: boolean;
  label: string;
  cause: string;
}

export interface Attempt {
  number: number;
  at: string;
  took_ms: number;
  label?: string;
  cause?: string;
}

/** The id of the workflow that delivers a result, by which a second submission is recognised. */
export function workflowId(source: string, id: string): string {
  return `consign/${escape(source)}/${escape(id)}`;
}

/** Escapes as contract.md has it: all but letters, digits and `- _ . ~ $ & + = : @`. */
function escape(part: string): string {
  return encodeURIComponent(part)
    .replace(/[!'()*]/g, (c) => '%' + c.charCodeAt(0).toString(16).toUpperCase())
    .replace(/%(?:24|26|2B|3A|3D|40)/g, (c) => decodeURIComponent(c));
}
