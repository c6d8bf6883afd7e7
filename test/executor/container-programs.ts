/** Programs that stand in for the runner's roles in container tests. */

const python = (source: string): readonly string[] => ['python3', '-c', source];

/**
 * A referee: ready, one connection, then it waits for the channel to close (`lost`) or for the test's note
 * `/attempt/go` (`failed`), and writes a manifest.
 */
const refereeThat = (then: string) =>
  python(`
import json, os, socket
spec = json.load(open('/attempt/in/spec.json'))
assert open('/attempt/in/bundle', 'rb').read()
listener = socket.socket(socket.AF_UNIX)
listener.bind('/channel/referee.sock')
os.chmod('/channel/referee.sock', 0o666)
listener.listen(1)
print(json.dumps({'event': 'ready'}), flush=True)
channel, _ = listener.accept()
listener.close()
os.unlink('/channel/referee.sock')
print(json.dumps({'event': 'connected'}), flush=True)
${then}
channel.settimeout(0.05)
outcome = None
while outcome is None:
    if os.path.exists('/attempt/go'):
        outcome = {'kind': 'failed', 'verdict': 'contract', 'where': 'training.py:1', 'message': 'the test says so'}
    try:
        if not channel.recv(65536):
            outcome = {'kind': 'lost', 'phase': 'test', 'message': 'closed'}
    except TimeoutError:
        pass
    except ConnectionResetError:
        outcome = {'kind': 'lost', 'phase': 'test', 'message': 'reset'}
named = ['submissionId', 'run', 'purpose', 'attempt', 'fencingToken', 'codeHash', 'seed', 'runnerDigest', 'dataDigest', 'tokenizersDigest']
platform = {'torch': 'none', 'python': '3', 'cpu': 'any', 'capability': 'any', 'threads': 1, 'device': 'cpu'}
manifest = {
    'schema': 'prism_run_manifest.v2', 'provenance': {**{name: spec[name] for name in named}, 'platform': platform},
    'outcome': outcome, 'recordDigest': None, 'cutsDigest': None, 'stateDigest': None, 'export': None, 'xzBytes': 1,
    'metrics': {'sum_neg_log_likelihood_nats': 0, 'covered_bytes': 0, 'predicted_tokens': 0, 'step0_loss': None, 'online_loss': [], 'covered_bytes_cumulative': []},
    'heldout': None,
    'anti_cheat': {'step0_anomaly': False, 'nan_inf_detected': False, 'causality': None, 'blind_mean': None, 'seed_audit': None},
    'compute': {'parameters': 0, 'tokens': 0, 'flops_estimate': 0, 'peak_rss_bytes': None, 'seconds': {'setup': 0, 'frames': 0, 'training': 0, 'total': 0}},
    'deterministic': False, 'stoppedByClock': False,
    'score': {'schema': 'prism_score.v2', 'primary_metric': 'prequential_bpb', 'lower_is_better': True, 'miner_reported_ignored': True},
}
with open('/attempt/out/prism_run_manifest.v2.json', 'w') as file:
    json.dump(manifest, file)
`);
export const referee = refereeThat('');
/** It has asked, and waits for the answer. */
export const askingReferee = refereeThat("print(json.dumps({'event': 'frameStart', 'id': 1}), flush=True)");

/** A referee that dies as soon as somebody connects. */
export const dyingReferee = python(`
import os, socket
listener = socket.socket(socket.AF_UNIX)
listener.bind('/channel/referee.sock')
os.chmod('/channel/referee.sock', 0o666)
listener.listen(1)
print('{"event": "ready"}', flush=True)
listener.accept()
os._exit(3)
`);

/** A contestant that connects, and then does `source`. */
export const contestant = (source: string): readonly string[] =>
  python(`
import os, socket, sys, time
channel = socket.socket(socket.AF_UNIX)
channel.connect('/channel/referee.sock')
${source}
`);

/** Blocks until the referee is gone. */
export const patient = contestant('channel.recv(1)');
export const busy = contestant(`
while True: pass
`);
export const flooding = contestant(`
while True: sys.stdout.write('x' * 65536)
`);
export const gluttonous = contestant(`
kept = []
while True: kept.append(bytearray(8 << 20))
`);
export const forking = contestant(`
refused = 0
while refused < 20:
    try:
        if os.fork() == 0:
            time.sleep(3600)
    except OSError:
        refused += 1
        time.sleep(0.05)
raise SystemExit(1)
`);
export const suicidal = contestant('os.kill(os.getpid(), 9)');
export const quitting = contestant('raise SystemExit(0)');

/** Says what its container lets it do, as one JSON line. */
export const probing = python(`
import ctypes, json, os, resource, socket, subprocess
def refused(action):
    try:
        action()
        return None
    except OSError as error:
        return error.errno
def touch(path): return refused(lambda: open(path, 'w').close())
def execute():
    with open('/tmp/program', 'w') as file: file.write('#!/bin/sh\\n')
    os.chmod('/tmp/program', 0o700)
    subprocess.run(['/tmp/program'])
def connect():
    caller = socket.socket()
    caller.settimeout(2)
    caller.connect(('192.0.2.1', 80))
status = dict(line.split(':', 1) for line in open('/proc/self/status').read().splitlines() if ':' in line)
size = lambda path: os.statvfs(path).f_blocks * os.statvfs(path).f_frsize
limit = lambda *paths: next((open(path).read().strip() for path in paths if os.path.exists(path)), None)
print(json.dumps({
    'uid': os.getuid(), 'gid': os.getgid(), 'groups': os.getgroups(),
    'capabilities': [status[name].strip() for name in ('CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb')],
    'noNewPrivileges': status['NoNewPrivs'].strip(), 'seccomp': status['Seccomp'].strip(),
    'interfaces': sorted(os.listdir('/sys/class/net')), 'connect': refused(connect),
    'writes': {path: touch(path) for path in ('/x', '/usr/x', '/etc/passwd', '/channel/x', '/opt/x')},
    'scratch': {path: touch(path + '/x') for path in ('/work', '/artifacts', '/tmp')},
    'sizes': {path: size(path) for path in ('/work', '/artifacts', '/tmp', '/dev/shm')},
    'execute': refused(execute),
    'pids': limit('/sys/fs/cgroup/pids.max', '/sys/fs/cgroup/pids/pids.max'),
    'memory': limit('/sys/fs/cgroup/memory.max', '/sys/fs/cgroup/memory/memory.limit_in_bytes'),
    'core': resource.getrlimit(resource.RLIMIT_CORE)[1], 'cpus': sorted(os.sched_getaffinity(0)),
    'data': sorted(os.listdir('/data')), 'attempt': os.path.ismount('/attempt'),
    'init': open('/proc/1/comm').read().strip(),
    'mount': ctypes.CDLL(None, use_errno=True).mount(b'none', b'/tmp', b'tmpfs', 0, None),
}), flush=True)
`);
