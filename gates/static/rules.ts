import type { PathRule, StaticRule } from './rule.ts';

/** Changes whenever the static gate may judge a bundle differently; recorded with every verdict. */
export const staticGateVersion = 'static/2';

const words = (text: string) => text.trim().split(/\s+/);

/** What CONTRACT §3 forbids submitted code to reach. The order is that of the checks: of one name, the first rule that looks for it speaks. */
export const staticRules: readonly StaticRule[] = [
  {
    id: 'prism:no-torch-hub',
    explanation: 'torch.hub and model_zoo download weights: the container has no network, and weights count as source.',
    names: words('torch.hub torch.utils.model_zoo'),
    attributes: words('load_state_dict_from_url download_url_to_file'),
  },
  {
    id: 'prism:no-cpp-extension',
    explanation: 'There is no compiler in the container: write the operation with torch.',
    names: words('torch.utils.cpp_extension torch.utils.hipify'),
    attributes: words('cpp_extension'),
  },
  {
    id: 'prism:no-torch-compile',
    explanation: 'torch.compile needs a compiler, and the container has none: run the model as it is.',
    names: words('torch.compile torch._dynamo torch._inductor'),
  },
  {
    id: 'prism:no-network',
    explanation: 'The container has no network, and submitted code must not look for one.',
    roots:
      words(`socket socketserver _socket ssl _ssl http urllib urllib3 requests httpx aiohttp ftplib smtplib poplib imaplib nntplib
      telnetlib xmlrpc websocket websockets paramiko boto3 botocore grpc webbrowser wsgiref cgi asyncio asyncore asynchat selectors select
      huggingface_hub datasets wandb mlflow gdown`),
    names: words('torch.distributed.rpc torch.distributed.TCPStore torch.distributed.tensorpipe'),
    carried: words('socket ssl http urllib requests asyncio socketserver xmlrpc'),
    attributes: words('socket'),
  },
  {
    id: 'prism:no-filesystem',
    explanation: 'Submitted code opens no files; torch.save into ctx.artifacts_dir is the one way to write.',
    roots:
      words(`pathlib glob shutil tempfile io _io _pyio fileinput zipfile tarfile gzip bz2 lzma zlib mmap csv sqlite3 dbm linecache
      filecmp fnmatch configparser tomllib netrc plistlib mailbox safetensors h5py pandas`),
    names:
      words(`builtins.open torch.from_file torch.utils.tensorboard torch.distributed.FileStore torch.distributed.checkpoint
      torch.distributed._shard.checkpoint torch.jit.save torch.export.save torch.onnx torch.PyTorchFileReader torch.PyTorchFileWriter
      torch._C.PyTorchFileReader torch._C.PyTorchFileWriter numpy.memmap numpy.fromfile numpy.loadtxt numpy.genfromtxt numpy.fromregex
      numpy.DataSource numpy.lib.npyio numpy.lib.format numpy.lib._datasource torch.monitor.TensorboardEventHandler`),
    carried: words('io pathlib glob shutil tempfile mmap linecache zipfile tarfile gzip'),
    attributes:
      words(`from_file tofile open_memmap export_chrome_trace export_stacks export_memory_timeline _dump_snapshot
      read_text write_text read_bytes write_bytes shutil pathlib`),
    texts: words('open'),
  },
  {
    id: 'prism:no-process',
    explanation: 'Submitted code starts no processes or threads, asks nothing of the system, and reads no input.',
    roots:
      words(`os posix nt posixpath ntpath sys subprocess _posixsubprocess multiprocessing _multiprocessing signal _signal pty tty
      termios fcntl resource threading _thread concurrent queue platform getpass pwd grp curses readline cmd code pdb bdb profile
      cProfile trace tracemalloc atexit faulthandler sched syslog psutil`),
    names:
      words(`builtins.input builtins.breakpoint builtins.exit builtins.quit builtins.help builtins.license builtins.credits
      builtins.copyright torch.multiprocessing torch.distributed.run torch.distributed.launch torch.distributed.launcher
      torch.distributed.elastic torch.distributed.argparse_util torch.utils.collect_env torch.utils.benchmark torch.utils.bottleneck
      torch.testing._internal numpy.testing._private numpy.testing.rundocs numpy.testing.runstring numpy.testing.measure
      numpy.f2py numpy.distutils`),
    carried: words('os posix sys subprocess multiprocessing threading thread atexit platform'),
    attributes: words('os sys subprocess multiprocessing'),
  },
  {
    id: 'prism:no-ffi',
    explanation: 'Submitted code loads no foreign libraries.',
    roots: words('ctypes _ctypes cffi pycparser'),
    names: words(
      'numpy.ctypeslib torch.ops.load_library torch.classes.load_library torch.cuda.jiterator torch.cuda._compile_kernel',
    ),
    carried: words('ctypes cffi'),
    attributes: words('ctypes load_library'),
  },
  {
    id: 'prism:no-dynamic-import',
    explanation: 'Modules are imported by `import` statements, so that it can be read what a bundle runs.',
    roots: words('importlib imp _imp pkgutil runpy zipimport zipapp modulefinder pkg_resources'),
    names: words('builtins.__import__ builtins.__loader__ builtins.__spec__'),
    carried: words('importlib imp pkgutil runpy zipimport'),
    attributes: words('__import__ __loader__ __spec__ __path__ import_module load_module exec_module importlib'),
    texts: words('__import__ import_module'),
  },
  {
    id: 'prism:no-dynamic-code',
    explanation:
      'Code is what stands in the source: nothing is compiled, executed or looked up by name while it runs (`type(x)` says what `x.__class__` would).',
    roots: words('builtins ast codeop timeit doctest unittest symtable compileall py_compile'),
    names:
      words(`builtins.eval builtins.exec builtins.compile builtins.globals builtins.locals builtins.vars typing.get_type_hints
      typing.ForwardRef typing._eval_type dataclasses.make_dataclass dataclasses._create_fn
      torch.jit.CompilationUnit torch.fx torch.utils.bundled_inputs`),
    carried: words('builtins ast'),
    attributes: words('__builtins__ __globals__ __dict__ __class__ __mro__ __subclasses__ builtins'),
    texts: words('eval exec compile globals locals vars getattr'),
  },
  {
    id: 'prism:no-attribute-escape',
    explanation:
      'Attributes by which code gets hold of frames, code objects, bases or reductions are not for submitted code.',
    roots: words('inspect gc types traceback dis opcode sysconfig copyreg'),
    names: words('dataclasses.types enum.types typing.types functools.types contextlib.types'),
    carried: words('inspect gc traceback dis'),
    attributes:
      words(`__reduce__ __reduce_ex__ __code__ __closure__ __base__ __bases__ __getattribute__ __self__ __func__ __wrapped__
      __defaults__ __kwdefaults__ __objclass__ __thisclass__ __traceback__ gi_frame gi_code gi_yieldfrom cr_frame cr_code ag_frame
      ag_code f_back f_globals f_locals f_builtins f_code tb_frame tb_next co_code co_consts func_globals`),
  },
  {
    id: 'prism:no-deserialization',
    explanation: 'Unpickling runs code: torch.load takes only what the run itself wrote into ctx.artifacts_dir.',
    roots: words('pickle _pickle cPickle pickletools marshal shelve dill cloudpickle joblib yaml'),
    names: words(`torch.serialization torch.jit.load torch.export.load torch.package torch.storage._load_from_bytes
      torch._C.import_ir_module torch._C.import_ir_module_from_buffer torch._weights_only_unpickler`),
    carried: words('pickle marshal shelve copyreg'),
    attributes: words('pickle _load_from_bytes loads read_pickle'),
  },
];

/** Calls that read or write a file: allowed where its path is made of `ctx.artifacts_dir`. */
export const pathRules: readonly PathRule[] = [
  { rule: 'prism:no-deserialization', name: 'torch.load', position: 0, keyword: 'f' },
  { rule: 'prism:no-deserialization', name: 'numpy.load', position: 0, keyword: 'file' },
  { rule: 'prism:no-filesystem', name: 'torch.save', position: 1, keyword: 'f' },
  { rule: 'prism:no-filesystem', name: 'numpy.save', position: 0, keyword: 'file' },
  { rule: 'prism:no-filesystem', name: 'numpy.savez', position: 0, keyword: 'file' },
  { rule: 'prism:no-filesystem', name: 'numpy.savez_compressed', position: 0, keyword: 'file' },
  { rule: 'prism:no-filesystem', name: 'numpy.savetxt', position: 0, keyword: 'fname' },
];

/** What the rules that aren't about names say. */
export const otherRules = {
  'prism:import-root': 'Submitted code imports torch, numpy, a small part of the library, and its own modules.',
  'prism:no-dynamic-attribute': 'getattr, setattr and delattr are called with a name that can be read in the source.',
  'prism:no-shadowing': 'A module of the bundle has the name of another module: rename it.',
} as const;

/** Every rule id of the gate: what policy may switch off. */
export const staticRuleIds: readonly string[] = [...staticRules.map(({ id }) => id), ...Object.keys(otherRules)];
