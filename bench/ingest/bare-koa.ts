import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import Koa from 'koa';

// What one would write in ten minutes: read the body, insert one row, answer. WAL and FULL, so that a row is synced.
const [dataDir = '.'] = process.argv.slice(2);
const db = new Database(join(dataDir, 'bare.sqlite'));
db.pragma('journal_mode = WAL');
db.pragma('synchronous = FULL');
db.exec(
  'CREATE TABLE submissions (id TEXT PRIMARY KEY, hotkey TEXT NOT NULL, received_at TEXT NOT NULL, bundle BLOB NOT NULL) STRICT',
);
const insert = db.prepare('INSERT INTO submissions VALUES (?, ?, ?, ?)');

const app = new Koa();
app.use(async (ctx) => {
  const chunks: Buffer[] = [];
  for await (const chunk of ctx.req) chunks.push(chunk);
  const id = randomUUID();
  insert.run(id, ctx.get('x-platform-verified-hotkey'), new Date().toISOString(), Buffer.concat(chunks));
  ctx.status = 201;
  ctx.body = { id };
});
const server = createServer(app.callback());
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const address = server.address();
const port = typeof address === 'object' && address !== null ? address.port : 0;
process.send?.({ url: `http://127.0.0.1:${port}/`, headers: { 'x-platform-verified-hotkey': 'bench' } });
await once(process, 'message');
server.close();
server.closeAllConnections();
db.close();
process.disconnect();
