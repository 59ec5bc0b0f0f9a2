// JSON as it stands on the wire. JSON.parse would change numbers that JavaScript cannot hold, and
// the data of a result is promised to arrive with the bytes that it was submitted with.

import { findNodeAtLocation, parseTree } from 'jsonc-parser';

export class Json {
  constructor(readonly text: string) {}

  parse<T>(): T {
    return JSON.parse(this.text) as T;
  }

  /** The texts of the values at several places, such as ['batch', 0, 'result']. */
  at(...paths: (string | number)[][]): string[] {
    const root = parseTree(this.text);
    return paths.map((path) => {
      const node = root && findNodeAtLocation(root, path);
      if (!node) throw new Error(`nothing at ${path.join('.')}`);
      return this.text.slice(node.offset, node.offset + node.length);
    });
  }
}
