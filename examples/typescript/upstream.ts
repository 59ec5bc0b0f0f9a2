// Runs the workflow of workflows.ts, submits a result that it is to be told about, and prints the ack.
//
//   node build/upstream.js scanner finding-4711 '{"cve":"CVE-1999-1338"}'

import { NativeConnection, Worker } from '@temporalio/worker';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { connect, submit } from './client';
import { workflowId } from './contract';
import { Json } from './json';
import { waitForAck } from './workflows';

const taskQueue = 'upstream';

async function main(): Promise<void> {
  const [source, id, data] = process.argv.slice(2);
  if (data === undefined) throw new Error('usage: node build/upstream.js SOURCE ID JSON');
  const { connectionOptions, namespace } = loadClientConnectConfig();
  const worker = await Worker.create({
    connection: await NativeConnection.connect(connectionOptions),
    namespace,
    taskQueue,
    workflowsPath: require.resolve('./workflows'),
  });
  const client = await connect();
  await worker.runUntil(async () => {
    const waiting = await client.workflow.start(waitForAck, { taskQueue, workflowId: `upstream/${workflowId(source, id)}` });
    await submit(client, { source, id, data: new Json(data), ackTo: waiting.workflowId });
    const ack = (await waiting.result()) as unknown as Json;
    console.log(ack.text);
  });
  await client.connection.close();
}

main().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
