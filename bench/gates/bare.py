"""What the parser alone costs: each line in is a JSON list of sources, each line out the hashes of their canonical form."""

import ast
import hashlib
import json
import sys
import warnings

warnings.simplefilter("ignore")
for line in sys.stdin:
    trees = [ast.parse(source) for source in json.loads(line)]
    print(json.dumps([hashlib.sha256(ast.unparse(tree).encode()).hexdigest() for tree in trees]), flush=True)
