// Submits a result and waits for its receipt.
//
//   node build/submit.js scanner finding-4711 '{"cve":"CVE-1999-1338"}'

import { connect, submit } from './client';
import { Json } from './json';

async function main(): Promise<void> {
  const [source, id, data] = process.argv.slice(2);
  if (data === undefined) throw new Error('usage: node build/submit.js SOURCE ID JSON');
  const client = await connect();
  const handle = await submit(client, { source, id, data: new Json(data) });
  const receipt: Json = await handle.result();
  console.log(receipt.text);
  await client.connection.close();
}

main().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
