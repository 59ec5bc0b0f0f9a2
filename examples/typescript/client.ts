// Submitting a result, once per source and id.

import { createHash } from 'node:crypto';
import { Client, Connection, WorkflowExecutionAlreadyStartedError, type WorkflowHandle } from '@temporalio/client';
import { SearchAttributeType, defineSearchAttributeKey } from '@temporalio/common';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { workflowId } from './contract';
import { Json } from './json';

/** Connects to the Temporal that the environment or temporal.toml names, as the temporal CLI does. */
export async function connect(): Promise<Client> {
  const { connectionOptions, namespace } = loadClientConnectConfig();
  const connection = await Connection.connect(connectionOptions);
  return new Client({ connection, namespace, dataConverter: { payloadConverterPath: require.resolve('./payload-converter') } });
}

export interface Submission {
  source: string;
  id: string;
  type?: string;
  /** Any JSON, without white space between its tokens. */
  data: Json;
  /** The workflow that waits for the signal "ack". */
  ackTo?: string;
}

/**
 * Submits a result. When this returns, the result is durably in Temporal and will be delivered, or
 * parked, and acked. The handle's result is the receipt.
 */
export async function submit(client: Client, s: Submission): Promise<WorkflowHandle> {
  const { data, ackTo, ...envelope } = s;
  const ack = ackTo === undefined ? '' : `,"ack":{"signal":{"workflow_id":${JSON.stringify(ackTo)}}}`;
  const entry = `${JSON.stringify(envelope).slice(0, -1)},"data":${data.text}${ack}}`;
  const digest = 'sha256:' + createHash('sha256').update(data.text).digest('hex');
  const attributes = [{ key: defineSearchAttributeKey('ConsignSource', SearchAttributeType.KEYWORD), value: s.source }];
  if (s.type) attributes.push({ key: defineSearchAttributeKey('ConsignType', SearchAttributeType.KEYWORD), value: s.type });
  const id = workflowId(s.source, s.id);
  try {
    return await client.workflow.start('Deliver', {
      workflowId: id,
      taskQueue: 'consign',
      workflowIdReusePolicy: 'ALLOW_DUPLICATE_FAILED_ONLY',
      workflowIdConflictPolicy: 'FAIL',
      args: [new Json(`{"results":[${entry}]}`)],
      memo: { digest },
      typedSearchAttributes: attributes,
    });
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
  // It was submitted before. With the same data, that submission's receipt is this one's as well.
  const first = client.workflow.getHandle(id);
  const { memo } = await first.describe();
  if ((memo?.digest as Json | undefined)?.parse() !== digest) {
    throw new Error(`${s.source}/${s.id} was submitted before with other data: give it another id`);
  }
  return first;
}
