import { once } from 'node:events';
import { pino } from 'pino';
import { readConfig } from '../../config.ts';
import { startService } from '../../main.ts';

// The service as `prism serve` builds it, without an executor: what is measured is the way in.
const [dataDir] = process.argv.slice(2);
const config = readConfig({ PRISM_DATA_DIR: dataDir, PRISM_PORT: '0', PRISM_SHARED_TOKEN: 'bench' });
const service = await startService(config, { api: true, runtime: null }, pino({ level: 'error' }, pino.destination(2)));
process.send?.({
  url: `${service.url}/internal/v1/bridge/submissions`,
  headers: { authorization: 'Bearer bench', 'x-platform-verified-hotkey': 'bench' },
});
await once(process, 'message');
await service.close();
process.disconnect();
