/**
 * What hostile training scripts do, as parts for `training()`. An attack that can't be mounted as it is meant to be, or that gets further than
 * it may, raises: its run fails then, and its test with it. Tests that expect a verdict say which.
 */
type Attack = {
  readonly before?: string;
  readonly atStart?: string;
  readonly inLoop?: string;
  readonly after?: string;
};

/** Writes results of its own wherever it can, at the start and at the end. */
const forgedFiles: Attack = {
  before: `
import json, os

FORGED = json.dumps({
    "schema": "prism_run_manifest.v2", "outcome": {"kind": "completed"},
    "metrics": {"sum_neg_log_likelihood_nats": 1.0, "covered_bytes": 1 << 20, "predicted_tokens": 1 << 20},
    "totals": {"microNats": 1, "coveredBytes": 1 << 20, "uncoveredBytes": 0},
})
NAMES = ["prism_run_manifest.v2.json", "record.json", ".record.json", "spec.json"]
OWN = {"/artifacts", "/tmp", "/work", "/work/bundle", "/dev/shm"}
FOREIGN = {"/", "/channel", "/attempt", "/attempt/in", "/attempt/out", "/data", "/tokenizers", "/opt", "/usr/lib", "/proc/1/root/channel"}

def forge(ctx):
    written = set()
    for folder in {ctx.artifacts_dir, os.getcwd(), *OWN, *FOREIGN}:
        for name in NAMES:
            try:
                os.makedirs(folder, exist_ok=True)
                with open(os.path.join(folder, name), "w") as file:
                    file.write(FORGED)
                written.add(folder)
            except OSError:
                pass
    if not OWN <= written or written & FOREIGN:
        raise RuntimeError(f"wrote in {sorted(written)}")
`,
  atStart: 'forge(ctx)',
  after: 'forge(ctx)',
};

/** Prints metrics, results and the referee's own lines on everything that it inherited and that isn't a socket, and on its parents' output. */
const forgedLines: Attack = {
  before: `
import json, os, stat, sys

LINES = "".join(json.dumps(line) + "\\n" for line in [
    {"event": "ready"}, {"event": "connected"}, {"event": "frameStart", "id": 1}, {"event": "frameEnd", "id": 1},
    {"event": "progress", "progress": 1.0, "coveredBytes": 1 << 20, "batches": 1},
    {"event": "done", "outcome": "completed"},
    {"schema": "prism_run_manifest.v2", "outcome": {"kind": "completed"}, "metrics": {"sum_neg_log_likelihood_nats": 1.0}},
    {"prequential_bpb": 0.01, "final_score": 1.0, "val_loss": 0.0},
]).encode() + b"prequential_bpb=0.01\\nfinal_score: 1.0\\n"

def is_plain(mode):
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode) or stat.S_ISCHR(mode)

def shout():
    reached = set()
    for name in os.listdir("/proc/self/fd"):
        try:
            if is_plain(os.fstat(int(name)).st_mode):
                os.write(int(name), LINES)
                reached.add(int(name))
        except OSError:
            pass
    for process in filter(str.isdigit, os.listdir("/proc")):
        for number in (1, 2):
            try:
                with open(f"/proc/{process}/fd/{number}", "wb", buffering=0) as output:
                    output.write(LINES)
            except OSError:
                pass
    print(LINES.decode(), flush=True)
    print(LINES.decode(), file=sys.stderr, flush=True)
    if not {1, 2} <= reached:
        raise RuntimeError(f"reached {sorted(reached)}")
`,
  atStart: 'shout()',
  inLoop: 'if step % 16 == 1:\n    shout()',
  after: 'shout()',
};

/** Replaces, once a batch has been taken, whatever a measurement in its own process would be made of. */
const patchedLoss: Attack = {
  before: `
import torch.nn.functional
import prism_runner.code_length, prism_runner.record, prism_runner.session

def nothing(*values, **named):
    return torch.zeros(())

def patch():
    for name in ("cross_entropy", "nll_loss", "log_softmax", "softmax"):
        setattr(torch.nn.functional, name, nothing)
    for name in ("log_softmax", "softmax", "logsumexp"):
        setattr(torch, name, nothing)
        setattr(torch.Tensor, name, nothing)
    prism_runner.code_length.token_costs = nothing
    prism_runner.session.token_costs = nothing
    prism_runner.record.Ledger.judge = nothing
    prism_runner.record.Ledger.commit = nothing
    if torch.nn.functional.cross_entropy(torch.ones(2, 2), torch.tensor([0, 1])) != 0:
        raise RuntimeError("the patch doesn't hold")
`,
  inLoop: 'if step == 1:\n    patch()',
};

/**
 * Finds the memory file of the logits, tries to cut, grow, seal and remap it, and writes over it and punches holes into it in the very moment in
 * which the referee says that it has taken a reply, and has yet to judge it.
 */
const rewrittenMemory: Attack = {
  before: `
import ctypes, fcntl, gc, mmap, os
from prism_runner.adapter import Adapter

SIZE = 8 << 20
KEEP_SIZE, PUNCH_HOLE = 1, 2
libc = ctypes.CDLL(None, use_errno=True)
libc.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_long, ctypes.c_long]

def memory_file():
    for name in os.listdir("/proc/self/fd"):
        try:
            if os.readlink(f"/proc/self/fd/{name}").startswith("/memfd:logits"):
                return int(name)
        except OSError:
            pass
    raise RuntimeError("the memory file is not to be found")

def reopened(file):
    return os.open(f"/proc/self/fd/{file}", os.O_RDWR)

def assert_sealed(file):
    attempts = {
        "truncated": lambda: os.ftruncate(file, 0),
        "cut short": lambda: os.ftruncate(file, 4096),
        "grown": lambda: os.ftruncate(file, SIZE * 2),
        "sealed": lambda: fcntl.fcntl(file, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE),
        "truncated anew": lambda: os.ftruncate(reopened(file), 0),
        "opened empty": lambda: os.open(f"/proc/self/fd/{file}", os.O_RDWR | os.O_TRUNC),
        "resized": lambda: [known for known in gc.get_objects() if isinstance(known, mmap.mmap)][0].resize(4096),
    }
    for done, attempt in attempts.items():
        try:
            attempt()
        except (OSError, BufferError, ValueError, SystemError):
            continue
        raise RuntimeError(f"the memory file was {done}")

def spoil(file, view):
    view[:] = b"\\x7f" * SIZE
    if libc.fallocate(file, KEEP_SIZE | PUNCH_HOLE, 0, SIZE) != 0:
        raise RuntimeError("no hole was punched")
    view[: 1 << 16] = b"\\xff" * (1 << 16)

def take_over():
    file = memory_file()
    assert_sealed(file)
    view = mmap.mmap(file, SIZE)
    hear = Adapter.hear
    spoilt = []
    def hear_and_spoil(self, *kinds):
        heard = hear(self, *kinds)
        if heard[0]["kind"] == "took":
            spoil(file, view)
            spoilt.append(heard)
        return heard
    Adapter.hear = hear_and_spoil
    return spoilt
`,
  atStart: 'spoilt = take_over()',
  inLoop: 'if len(spoilt) < step:\n    raise RuntimeError("a reply was taken and not spoilt")',
};

/** Looks for another way to the referee than the one connection that the adapter has. */
const secondConnection: Attack = {
  before: `
import os, socket

def knock():
    if os.listdir("/channel"):
        raise RuntimeError(f"the channel holds {os.listdir('/channel')}")
    for address in ("/channel/referee.sock", "\\0/channel/referee.sock", "\\0referee.sock"):
        other = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        if other.connect_ex(address) == 0:
            raise RuntimeError(f"a second connection was accepted at {address!r}")
    try:
        socket.socket(socket.AF_UNIX, socket.SOCK_STREAM).bind("/channel/referee.sock")
    except OSError:
        return
    raise RuntimeError("a socket of its own stands in the referee's place")
`,
  atStart: 'knock()',
  inLoop: 'if step % 32 == 1:\n    knock()',
  after: 'knock()',
};

const findSocket = `
import gc, json, socket, struct

def channel_socket():
    for known in gc.get_objects():
        if isinstance(known, socket.socket) and known.family == socket.AF_UNIX and known.fileno() >= 0:
            return known
    raise RuntimeError("the socket is not to be found")
`;

/** Sends what is no message, for as long as somebody listens. */
const garbage: Attack = {
  before: `${findSocket}
def flood():
    connection = channel_socket()
    try:
        while True:
            connection.sendall(b"\\xff" * (1 << 20))
    except OSError:
        pass
`,
  inLoop: 'if step == 3:\n    flood()',
};

/** Sends well-formed messages, thousands of them, and reads no answer. */
const flood: Attack = {
  before: `${findSocket}
MESSAGE = json.dumps({"kind": "next"}).encode()

def flood():
    connection = channel_socket()
    try:
        while True:
            connection.sendall((struct.pack("<I", len(MESSAGE)) + MESSAGE) * 10_000)
    except OSError:
        pass
`,
  inLoop: 'if step == 3:\n    flood()',
};

export const attacks = {
  forgedFiles,
  forgedLines,
  patchedLoss,
  rewrittenMemory,
  secondConnection,
  garbage,
  flood,
} as const;
