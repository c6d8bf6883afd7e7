import { randomUUID } from 'node:crypto';
import { GossipService, type IGossipServer } from '@eventstore/db-client/generated/gossip_grpc_pb.js';
import type { MemberInfo } from '@eventstore/db-client/generated/gossip_pb.js';
import gossip from '@eventstore/db-client/generated/gossip_pb.js';
import {
  type IServerFeaturesServer,
  ServerFeaturesService,
} from '@eventstore/db-client/generated/serverfeatures_grpc_pb.js';
import features from '@eventstore/db-client/generated/serverfeatures_pb.js';
import shared from '@eventstore/db-client/generated/shared_pb.js';
import { StreamsService } from '@eventstore/db-client/generated/streams_grpc_pb.js';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import type { KurrentDatabase } from './database.ts';
import { type CallError, callErrors } from './errors.ts';
import { openSubscriptions } from './read.ts';
import { type Admission, type Limits, type Method, type Refusal, streamsService } from './streams-service.ts';

export type NodeOptions = {
  readonly credentials?: ServerCredentials;
  /** Then every call needs this user, as `user:password`. */
  readonly user?: string;
};

export type KurrentNode = {
  readonly limits: Limits;
  /** How often each method was called. */
  readonly calls: Readonly<Record<Method, number>>;
  port(): number;
  /** The next calls of a method end like this, one each. */
  refuse(method: Method, ...next: readonly (CallError | Refusal)[]): void;
  /** Null: it leads itself. `unknown`: an election is going on. */
  follow(leader: KurrentNode | 'unknown' | null): void;
  /** What its gossip tells of the cluster. */
  knows(members: readonly KurrentNode[]): void;
  describe(): MemberInfo;
  /** Events that its subscriptions have put on the wire. */
  eventsSent(): number;
  /** The positions behind which subscriptions were asked for, −1 for the beginning. */
  readonly subscribedAfter: readonly number[];
  /** Ends the calls that are open, as a node does that shuts down or drops who is too slow. */
  breakSubscriptions(error: CallError | null): void;
  /** Breaks every connection and answers no more. */
  stop(): void;
  /** Answers again, at the same port. */
  restart(): Promise<void>;
};

/**
 * One node of a cluster on this machine, over the client's own service definitions. It can be told to lose the
 * leadership, to refuse the next calls, to break its subscriptions, and to go away.
 */
export async function startNode(database: KurrentDatabase, options: NodeOptions = {}): Promise<KurrentNode> {
  const refusals: Record<Method, Refusal[]> = { read: [], append: [] };
  const limits: Limits = { appendBytes: 1_048_576, eventBytes: 16 * 1_048_576 };
  const calls: Record<Method, number> = { read: 0, append: 0 };
  const subscriptions = openSubscriptions();
  let leader: KurrentNode | 'unknown' | null = null;
  let members: readonly KurrentNode[] = [];
  let server = new Server();
  let port = 0;

  const admit: Admission = (method, metadata) => {
    calls[method] += 1;
    const isAllowed =
      options.user === undefined ||
      metadata.get('authorization')[0] === `Basic ${Buffer.from(options.user).toString('base64')}`;
    if (!isAllowed) return { when: 'before', error: callErrors.accessDenied() };
    const needsLeader = metadata.get('requires-leader')[0] === 'true';
    if (needsLeader && leader === 'unknown') return { when: 'before', error: callErrors.noLeader() };
    if (needsLeader && leader !== null && leader !== 'unknown') {
      return { when: 'before', error: callErrors.notLeader('127.0.0.1', leader.port()) };
    }
    return refusals[method].shift() ?? null;
  };

  async function listen(): Promise<void> {
    server = new Server();
    server.addService(StreamsService, streamsService({ database, admit, limits, subscriptions }));
    server.addService(GossipService, gossipService);
    server.addService(ServerFeaturesService, featuresService);
    port = await bind(server, port, options.credentials ?? ServerCredentials.createInsecure());
  }

  const gossipService: IGossipServer = {
    read: (_call, callback) => {
      const info = new gossip.ClusterInfo();
      for (const member of members) info.addMembers(member.describe());
      callback(null, info);
    },
  };

  await listen();
  return {
    limits,
    calls,
    port: () => port,
    refuse: (method, ...next) =>
      void refusals[method].push(...next.map((one) => ('when' in one ? one : { when: 'before' as const, error: one }))),
    follow: (of) => {
      leader = of;
    },
    knows: (all) => {
      members = all;
    },
    describe() {
      const { LEADER, FOLLOWER } = gossip.MemberInfo.VNodeState;
      return new gossip.MemberInfo()
        .setInstanceId(new shared.UUID().setString(randomUUID()))
        .setTimeStamp('0')
        .setState(leader === null ? LEADER : FOLLOWER)
        .setIsAlive(true)
        .setHttpEndPoint(new gossip.EndPoint().setAddress('127.0.0.1').setPort(port));
    },
    eventsSent: subscriptions.eventsSent,
    subscribedAfter: subscriptions.startedAfter,
    breakSubscriptions: subscriptions.breakAll,
    stop: () => server.forceShutdown(),
    restart: listen,
  };
}

const featuresService: IServerFeaturesServer = {
  getSupportedMethods: (_call, callback) => {
    const methods = ['read', 'append', 'delete', 'tombstone', 'batchappend'].map((name) =>
      new features.SupportedMethod().setServiceName('event_store.client.streams.streams').setMethodName(name),
    );
    callback(null, new features.SupportedMethods().setMethodsList(methods).setEventStoreServerVersion('24.10.0'));
  },
};

function bind(server: Server, port: number, credentials: ServerCredentials): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, credentials, (error, bound) => (error ? reject(error) : resolve(bound)));
  });
}
