// An upstream that is a workflow: it waits until Consign tells it that its result is committed.

import { condition, defineSignal, setHandler } from '@temporalio/workflow';
import type { Ack } from './contract';

export const ackSignal = defineSignal<[Ack]>('ack');

export async function waitForAck(): Promise<Ack> {
  let received: Ack | undefined;
  setHandler(ackSignal, (ack) => {
    received = ack; // it may come twice
  });
  await condition(() => received !== undefined);
  return received!;
}
