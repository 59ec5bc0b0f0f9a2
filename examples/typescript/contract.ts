// The parts of Consign's contract (docs/contract.md) that the examples use.

export interface Receipt {
  results: number;
  legs: LegReceipt[];
  ack: string;
}

export interface LegReceipt {
  sink: string;
  outcome: string;
  attempts: number;
  cause?: string;
  dead_letter?: string;
}

export interface Ack {
  source: string;
  id: string;
  receipt: Receipt;
}

export interface DeliverInput {
  sink: string;
  batch: { delivery_id: string; result: { source: string; id: string; data: unknown } }[];
  policy: Policy;
  made: number;
  before?: number;
}

export interface Policy {
  backoff_ms: number;
  max_backoff_ms: number;
  jitter?: number;
}

export interface Outcome {
  failures?: Failed[];
  made: number;
  attempts?: Attempt[];
  after_ms?: number;
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
  label: string;
  cause: string;
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
