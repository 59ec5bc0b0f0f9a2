// Serves the sink "ts-archive" of a configuration such as
//
//   sinks:
//     ts-archive:
//       external: {}
//
//   node build/sink-worker.js ts-archive results.ndjson

import { NativeConnection, Worker } from '@temporalio/worker';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { deliver } from './deliver';
import type { Json } from './json';

async function main(): Promise<void> {
  const [name, path, maxBytes = '1048576'] = process.argv.slice(2);
  if (path === undefined) throw new Error('usage: node build/sink-worker.js SINK FILE [MAX_BYTES]');
  const sink = { path, maxBytes: Number(maxBytes) };
  const { connectionOptions, namespace } = loadClientConnectConfig();
  const worker = await Worker.create({
    connection: await NativeConnection.connect(connectionOptions),
    namespace,
    taskQueue: `consign.${name}`,
    activities: { deliver: (wire: Json) => deliver(sink, wire) },
    dataConverter: { payloadConverterPath: require.resolve('./payload-converter') },
    maxConcurrentActivityTaskExecutions: 16,
    // Attempts under way finish; what is not over by then, Temporal has tried again.
    shutdownGraceTime: '10s',
  });
  await worker.run(); // until SIGINT or SIGTERM
}

main().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
