import { EventStoreDBClient } from '@eventstore/db-client';
import { UnsupportedStorageError } from './storage-url.ts';

/** Where a log is in an EventStoreDB or KurrentDB. */
export type KurrentLocation = {
  /** As the client takes it. Holds the password. */
  readonly connectionString: string;
  /** Scheme and hosts: what may be shown. */
  readonly shown: string;
  /** What our streams' names begin with in the database, such as `prism.`. */
  readonly streamPrefix: string;
};

const schemes = /^(esdb|kurrentdb)(\+discover)?:\/\/(?:[^@/?]+@)?([^@/?]+)\/?(?:\?(.*))?$/;

/**
 * Options of the client that are passed on. The others would be ignored with a warning that prints the whole connection string, or
 * would turn off what the adapter stands on.
 */
const clientOptions = [
  'tls',
  'tlsCAFile',
  'userCertFile',
  'userKeyFile',
  'connectionName',
  'defaultDeadline',
  'discoveryInterval',
  'gossipTimeout',
  'maxDiscoverAttempts',
  'nodePreference',
  'keepAliveInterval',
  'keepAliveTimeout',
];

/**
 * Reads `esdb://[user:password@]host:port[,host:port…][?option=value&…]`, or the same with `esdb+discover`, `kurrentdb`,
 * `kurrentdb+discover`. To the client's options comes `streamPrefix` (letters and digits, default `prism`): logs with
 * different prefixes share a database and don't see each other. Throws `UnsupportedStorageError`, which names the option at fault and no value.
 */
export function parseKurrentUrl(url: string): KurrentLocation {
  const [, brand, discover = '', hosts, query = ''] = schemes.exec(url) ?? [];
  if (brand === undefined) throw new UnsupportedStorageError('a cluster is esdb://[user:password@]host[:port][,…]');
  const options = query.split('&').filter((option) => option !== '');
  const passedOn = options.filter((option) => nameOf(option) !== 'streamPrefix');
  for (const name of passedOn.map(nameOf)) {
    if (!clientOptions.includes(name)) {
      throw new UnsupportedStorageError(
        `esdb: option ${name} is not supported; options are ${clientOptions.join(', ')}, streamPrefix`,
      );
    }
  }
  // The client would take a slash behind the last host for a part of its name.
  const [address = ''] = url.replace(/^kurrentdb/, 'esdb').split(/\/?(?:\?|$)/);
  return {
    connectionString: passedOn.length === 0 ? address : `${address}?${passedOn.join('&')}`,
    shown: `esdb${discover}://${hosts}`,
    streamPrefix: `${prefixIn(options)}.`,
  };
}

/** The client of a location; nothing is asked of the cluster yet. Throws `UnsupportedStorageError`. */
export function kurrentClient({ connectionString, shown }: KurrentLocation): EventStoreDBClient {
  try {
    return EventStoreDBClient.connectionString(connectionString);
  } catch (error) {
    // Not as its cause: the client's parse error carries the whole string.
    const problem =
      error instanceof Error && !('connectionString' in error)
        ? error.message
        : "an option's value is missing or wrong";
    throw new UnsupportedStorageError(`${shown}: the connection string can't be used: ${problem}`);
  }
}

function prefixIn(options: readonly string[]): string {
  const given = options.findLast((option) => nameOf(option) === 'streamPrefix');
  const prefix = given?.slice(given.indexOf('=') + 1) ?? 'prism';
  if (!/^[A-Za-z0-9]+$/.test(prefix))
    throw new UnsupportedStorageError('esdb: streamPrefix has letters and digits only');
  return prefix;
}

function nameOf(option: string): string {
  return option.split('=')[0] ?? '';
}
