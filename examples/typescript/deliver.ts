// The activity "deliver" of a sink that appends results to a file, one JSON object a line, and reports
// on each of them.

import { open } from 'node:fs/promises';
import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common';
import { Context } from '@temporalio/activity';
import type { Attempt, DeliverInput, Failed, Outcome, Policy } from './contract';
import { Json } from './json';

export interface FileSink {
  path: string;
  /** A longer line is refused for good. */
  maxBytes: number;
}

/** Makes one attempt at a batch. What fails transiently is tried again, what does for good is parked. */
export async function deliver(sink: FileSink, wire: Json): Promise<Outcome> {
  const began = Date.now();
  const input = wire.parse<DeliverInput>();
  const results = wire.at(...input.batch.map((_, i) => ['batch', i, 'result']));
  const failures: Failed[] = [];
  const lines: string[] = [];
  const taken: number[] = [];
  for (const [index, { delivery_id }] of input.batch.entries()) {
    // Whoever reads the file drops duplicates by the delivery id, the same in every attempt.
    const line = `{"delivery_id":"${delivery_id}","result":${results[index]}}\n`;
    const bytes = Buffer.byteLength(line);
    if (bytes > sink.maxBytes) {
      failures.push({ index, permanent: true, label: 'too large', cause: `${bytes} bytes, at most ${sink.maxBytes} are taken` });
    } else {
      lines.push(line);
      taken.push(index);
    }
  }
  try {
    await append(sink.path, lines.join(''));
  } catch (error) {
    const { code = 'error', message } = error as NodeJS.ErrnoException;
    for (const index of taken) failures.push({ index, label: code, cause: message });
  }
  return report(input, failures, began);
}

/** Delivered means durable. */
async function append(path: string, text: string): Promise<void> {
  const file = await open(path, 'a');
  try {
    await file.appendFile(text);
    await file.datasync();
  } finally {
    await file.close();
  }
}

/**
 * Tells the workflow what an attempt came to. When nothing at all was achieved the activity fails, so
 * that Temporal shows the cause and tries again; otherwise the workflow goes on with what is left.
 */
function report(input: DeliverInput, failures: Failed[], began: number): Outcome {
  const { info, heartbeat } = Context.current();
  const made = info.attempt;
  const earlier = (info.heartbeatDetails as Json | undefined)?.parse<Attempt[]>() ?? [];
  const last = failures.at(-1);
  if (!last) return { made, attempts: earlier };

  const number = (input.before ?? 0) + input.made + made;
  const attempts = [
    ...earlier,
    { number, at: new Date(began).toISOString(), took_ms: Date.now() - began, label: last.label, cause: last.cause },
  ];
  const outcome: Outcome = { failures, made, attempts, after_ms: delay(input.policy, input.made + made) };

  const permanent = failures.filter((f) => f.permanent).length;
  const hopeless = permanent === input.batch.length;
  if (!hopeless && (permanent > 0 || failures.length < input.batch.length)) return outcome;
  // Temporal keeps no log of earlier attempts: it travels in the heartbeat from one to the next.
  const over = hopeless || made >= (info.retryPolicy?.maximumAttempts ?? 0);
  if (!over) heartbeat(attempts);
  throw ApplicationFailure.create({
    message: last.cause,
    type: last.label,
    nonRetryable: hopeless,
    nextRetryDelay: outcome.after_ms,
    details: over ? [outcome] : undefined,
    category: ApplicationFailureCategory.BENIGN,
  });
}

/** The wait after the n-th failed attempt, spread at random: that of the schedule, if the sink has one. */
function delay(policy: Policy, n: number): number {
  const schedule = policy.schedule_ms ?? [];
  const wait = schedule[Math.min(n, schedule.length) - 1] ?? Math.min(policy.backoff_ms * 2 ** (n - 1), policy.max_backoff_ms);
  return Math.max(Math.round(wait * (1 + (policy.jitter ?? 0) * (2 * Math.random() - 1))), 1);
}
