"""Writes pickles of every kind into a folder, for the scanner's tests: harmless ones and others."""

import bz2
import gzip
import io
import json
import os
import pickle
import struct
import sys
import zipfile
import zlib
from pathlib import Path

import joblib
import numpy as np
from scipy.sparse import csr_matrix
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

folder = Path(sys.argv[1])
clean, bad = folder / "clean", folder / "bad"
for each in (clean, bad):
    each.mkdir(parents=True, exist_ok=True)

rng = np.random.RandomState(0)
X, y = rng.rand(120, 6), rng.randint(0, 2, 120)
models = {
    "logistic": LogisticRegression(),
    "forest": RandomForestClassifier(n_estimators=5),
    "boosting": GradientBoostingClassifier(n_estimators=3),
    "hist": HistGradientBoostingClassifier(max_iter=3),
    "knn": KNeighborsClassifier(algorithm="kd_tree"),
    "mlp": MLPClassifier(hidden_layer_sizes=(8,), max_iter=5),
    "svc": make_pipeline(StandardScaler(), SVC()),
}
for name, model in models.items():
    model.fit(X, y)
    for protocol in range(6):
        (clean / f"{name}{protocol}.pkl").write_bytes(pickle.dumps(model, protocol))
    joblib.dump(model, clean / f"{name}.joblib")
joblib.dump(models["forest"], clean / "zlib.joblib", compress=3)
joblib.dump(models["forest"], clean / "gzip.joblib", compress=("gzip", 3))
words = TfidfVectorizer().fit(["one two", "two three"])
joblib.dump(words, clean / "words.joblib")
joblib.dump({"names": np.array(["a", {"b": 1}], dtype=object), "sparse": csr_matrix(X), "x": X.astype("f4")}, clean / "objects.joblib")
kinds = [X, X.astype(">f8"), X > 0.5, X[:0], X.T, np.array(3.0), np.array(["ab", "c"]), np.array([b"ab"]), np.array(["2026-11-26"], "M8[ns]"),
         np.zeros(2, [("a", "f8", (2,)), ("b", "i4")]), np.array([(1, "x")], [("a", "i4"), ("b", "O")])]
for protocol in range(6):
    joblib.dump(kinds, clean / f"kinds{protocol}.joblib", protocol=protocol)
np.save(clean / "numbers.npy", X)
np.save(clean / "objects.npy", np.array([1, "two"], dtype=object), allow_pickle=True)
np.savez(clean / "many.npz", x=X, o=np.array([1, "two"], dtype=object))
np.savez_compressed(clean / "small.npz", x=X)
(clean / "labels.txt").write_text("cat\ndog\nbird\n")
(clean / "config.json").write_text("{}")
(clean / "raw.bin").write_bytes(X.tobytes())
(clean / "plain.safetensors").write_bytes(struct.pack("<Q", 2) + b"{}" + b"\x80\x04." * 100)


def torch_state(extra=None):
    """data.pkl of a state dict, made of PyTorch's names without PyTorch."""
    out = io.BytesIO()
    out.write(b"\x80\x02ccollections\nOrderedDict\nq\x00)Rq\x01(X\x01\x00\x00\x00wq\x02")
    out.write(b"ctorch._utils\n_rebuild_tensor_v2\nq\x03((X\x07\x00\x00\x00storageq\x04ctorch\nFloatStorage\nq\x05")
    out.write(b"X\x01\x00\x00\x000q\x06X\x03\x00\x00\x00cpuq\x07K\x04tq\x08QK\x00K\x02K\x02\x86K\x02K\x01\x86\x89")
    out.write(b"ccollections\nOrderedDict\n)Rtq\x09Rq\x0a" + (extra or b"N") + b"0u.")
    return out.getvalue().replace(b"N0u.", b"u.")


def torch_zip(path, data, method=zipfile.ZIP_STORED, name="archive/data.pkl"):
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr(name, data)
        archive.writestr("archive/data/0", np.arange(4, dtype="f4").tobytes())
        archive.writestr("archive/version", "3\n")


torch_zip(clean / "stored.pt", torch_state())
torch_zip(clean / "deflated.pth", torch_state(), zipfile.ZIP_DEFLATED)
magic = pickle.dumps(0x1950A86A20F9469CFC6C, 2)
legacy = magic + pickle.dumps(1001, 2) + pickle.dumps({"little_endian": True}, 2) + torch_state() + pickle.dumps(["0"], 2)
(clean / "legacy.pt").write_bytes(legacy + struct.pack("<q", 4) + np.arange(4, dtype="f4").tobytes())


class Evil:
    def __init__(self, call, *args):
        self.call, self.args = call, args

    def __reduce__(self):
        return self.call, self.args


for protocol in range(6):
    (bad / f"system{protocol}.pkl").write_bytes(pickle.dumps({"w": X, "m": Evil(os.system, "true")}, protocol))
    (bad / f"eval{protocol}.pkl").write_bytes(pickle.dumps(Evil(eval, "1"), protocol))
(bad / "noname.weights").write_bytes(pickle.dumps(Evil(os.system, "true"), 4))
(bad / "ascii.weights").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
(bad / "inst.pkl").write_bytes(b"(S'true'\nios\nsystem\n.")
(bad / "obj.pkl").write_bytes(b"(cos\nsystem\nS'true'\no.")
(bad / "newobj.pkl").write_bytes(b"\x80\x02csubprocess\nPopen\nX\x04\x00\x00\x00true\x85\x81.")
# The memo is misused so that a guess at it says torch._utils.
(bad / "memo.pkl").write_bytes(
    b"\x80\x04U\x02osq\x00U\x06systemq\x01U\x0ctorch._utils\x94U\x12_rebuild_tensor_v2\x94h\x00h\x01\x93U\x04true\x85R."
)
# An attribute is set on a function, then read as the name of a module.
(bad / "build.pkl").write_bytes(b"\x80\x04cnumpy\nndarray\nN}U\x01aU\x02oss\x86b0cnumpy\nndarray.a\nU\x06system\x93U\x04true\x85R.")
(bad / "computed.pkl").write_bytes(b"\x80\x04cbuiltins\nstr\nU\x02os\x85RU\x06system\x93U\x04true\x85R.")
(bad / "dotted.pkl").write_bytes(b"\x80\x04U\x05numpyU\x18core._internal.os.system0U\x05numpyU\x12_core.os.system.__\x93U\x04true\x85R.")
(bad / "builtins.pkl").write_bytes(b"\x80\x04cnumpy\n__builtins__\n.")
(bad / "extension.pkl").write_bytes(b"\x80\x02\x82\x01)R.")
(bad / "unknown.pkl").write_bytes(b"\x80\x02cmylib.models\nNet\n)R.")
# Python runs what comes before the break.
(bad / "broken.pkl").write_bytes(pickle.dumps(Evil(os.system, "true"), 2)[:-1] + b"\xff")
(bad / "short.pkl").write_bytes(pickle.dumps({"w": X}, 4)[:-20])
(bad / "garbage.pkl").write_bytes(pickle.dumps({"w": 1}, 4) + b"and so on")
(bad / "second.pkl").write_bytes(pickle.dumps({"w": 1}, 4) + pickle.dumps(Evil(os.system, "true"), 4))
(bad / "notpickle.pkl").write_bytes(b"hello, world")
(bad / "nested.pkl").write_bytes(pickle.dumps({"inner": pickle.dumps(Evil(os.system, "true"), 4)}, 4))
(bad / "large.pkl").write_bytes(pickle.dumps({"a": b"x" * 3_000_000, "b": "y" * 3_000_000, "m": Evil(os.system, "true")}, 4))
torch_zip(bad / "torch.pt", torch_state(b"cposix\nsystem\nX\x04\x00\x00\x00true\x85R"))
torch_zip(bad / "deflated.bin", torch_state(b"cposix\nsystem\nX\x04\x00\x00\x00true\x85R"), zipfile.ZIP_DEFLATED)
torch_zip(bad / "renamed.zip", pickle.dumps(Evil(os.system, "true"), 4), name="archive/notes.txt")
(bad / "legacy.pt").write_bytes(magic + pickle.dumps(1001, 2) + pickle.dumps({}, 2) + pickle.dumps(Evil(os.system, "true"), 2))
# Flags of encryption and a wrong checksum stop Python's zipfile, but not PyTorch.
flagged = bytearray((bad / "torch.pt").read_bytes())
flagged[6] |= 1
flagged[14] ^= 0xFF
(bad / "flagged.pt").write_bytes(flagged)
# Two archives of the same length in one file: Python finds the directory of the second, others that of the first.
harmless = pickle.dumps("x" * 200, 4)
parts = []
for data in (harmless, pickle.dumps(Evil(os.system, "true"), 4).ljust(len(harmless), b"\0")):
    torch_zip(bad / "decoy.pt", data)
    parts.append((bad / "decoy.pt").read_bytes())
harmless, evil = (part[:-22] for part in parts)
end = parts[0][-22:]
(bad / "decoy.pt").write_bytes(harmless + evil + end)
count, length, offset = struct.unpack_from("<HII", end, 10)
end64 = struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 45, 45, 0, 0, count, count, length, offset)
locator = struct.pack("<IIQI", 0x07064B50, 0, len(harmless), 1)
(bad / "decoy64.pt").write_bytes(harmless + end64 + evil + end64 + locator + end)
(bad / "cut.pt").write_bytes((clean / "stored.pt").read_bytes()[:-40])
joblib.dump([X, Evil(os.system, "true")], bad / "behind.joblib")
joblib.dump(Evil(os.system, "true"), bad / "zlib.joblib", compress=3)
joblib.dump(np.array([Evil(os.system, "true")], dtype=object), bad / "objects.joblib")


def joblib_array(path, padding, content):
    """An array of bytes as joblib writes it, with the padding that the length of the padding begins."""
    joblib.dump(np.zeros(len(content), dtype="u1"), path)
    raw = path.read_bytes()
    at = next(i for i in range(len(raw)) if raw[i:] == bytes([raw[i]]) + b"\xff" * raw[i] + bytes(len(content)) + b".")
    path.write_bytes(raw[:at] + padding.ljust(padding[0] + 1, b".") + content + b".")


# joblib passes over an array and what it is padded with, where a plain unpickler finds opcodes, with all that lies on the stack and in the memo.
attack = b"cos\nsystem\n(S'true'\ntR."
joblib_array(bad / "padding.joblib", b"(" + attack, bytes(8))
# Where it is not sure how long an array is, the rest would be read from another place than joblib reads it from.
joblib.dump([np.zeros(3, dtype="u1"), Evil(os.system, "true")], bad / "shape.joblib")
raw = (bad / "shape.joblib").read_bytes()
unsure = {"shape": (b"K\x03\x85", b"\x8a\x01\x03\x85"), "flags": (b"K\x00t", b"K\x01t"), "list": (b"K\x03\x85", b"]K\x03a"), "name": (b"\x8c\x02u1", b"\x8c\x05uint8")}
for name, (plain, odd) in unsure.items():
    assert plain in raw
    unframed = raw[:2] + raw[11:]
    (bad / f"{name}.joblib").write_bytes(unframed.replace(plain, odd, 1))
joblib_array(bad / "late.joblib", b"(" + b"N0" * 20, b"N0" * 40_000 + attack)
joblib_array(bad / "recalled.joblib", b"(" + b"N0" * 20, b"h\x00h\x01\x93)\x81.")
np.save(bad / "objects.npy", np.array([Evil(os.system, "true")], dtype=object), allow_pickle=True)
np.savez_compressed(bad / "objects.npz", o=np.array([Evil(os.system, "true")], dtype=object))
(bad / "packed.pkl.gz").write_bytes(gzip.compress(pickle.dumps(Evil(os.system, "true"))))
(bad / "twice.pkl").write_bytes(gzip.compress(gzip.compress(pickle.dumps(1))))
for ending in ("joblib", "pk", "sav", "ckpt"):
    (bad / f"packed.{ending}").write_bytes(bz2.compress(pickle.dumps(1)))
(bad / "halfzlib.joblib").write_bytes(zlib.compress(pickle.dumps(list(range(1000))))[:-30])

# Pickles that begin as another format does: the name of the format is a float, or the beginning of a byte string.
disguises = {
    "gguf": b"GGUF" + bytes(5) + b"0" + attack,
    "gguf1": b"GGUF\x03\x00\x00\x00\x010" + attack,
    "bzip2": b"BZh\x00\x00" + bytes(0x685A) + b"0" + attack,
    "bzip2long": b"BZh9\x00" + bytes(0x39685A) + b"0" + attack,
    "safetensors": b'C\x10\0\0\0\0\0\0{"' + bytes(8) + b"0" + attack + bytes(0x1100),
    # Half of a name is escaped, and it breaks behind the call.
    "escaped": b"GGUF" + bytes(5) + b"0S'o\\x73'\nS'system'\n\x93(S'true'\ntR\xff",
}
for name, content in disguises.items():
    (bad / f"{name}.bin").write_bytes(content)
# The same without a beginning of another format.
(bad / "escaped.weights").write_bytes(b"S'o\\x73'\nS'system'\n\x93(S'true'\ntR\xff")

# Everything that some unpickler lets pass in front of an attack, in a file whose name is no pickle's.
openings = {
    "hexadecimal": b"I0x1\n0",
    "octal": b"I0o17\n0",
    "underscore": b"I1_0\n0",
    "ended": b"I1\0 and so on\n0",
    "long": b"L0x1L\n0",
    "blank": b"L 1 \n0",
    "infinity": b"Finfinity\n0",
    "real": b"F1_0.5e1\n0",
    "place": b"Np1_0\n0",
    "signed": b"Np +1\ng1\n00",
    "marked": b"N(p0\n10",
    "quoted": b"S'a'\x01\n0",
    "line": b"I" + b" " * 100_000 + b"1\n0",
}
for name, opening in openings.items():
    (bad / f"{name}.weights").write_bytes(opening + attack)
# What is no call of an import does harm as well, and may break behind it.
(bad / "set.weights").write_bytes(b"cos\nenviron\nS'PATH'\nS'/tmp'\ns\xff")
(bad / "added.weights").write_bytes(b"csys\npath\nS'/tmp'\na\xff")
(bad / "endless.weights").write_bytes(b"N0\x80\x04cos\n" + b".".join([b"path.os"] * 10_000) + b".system\n(S'true'\ntR.")
(bad / "place.bin").write_bytes(b"Np" + b" " * 100_000 + b"1\n0" + attack)
imports = b"".join(b"csklearn.base\nA%d\n0" % each for each in range(10_001))
(bad / "crowd.pkl").write_bytes(pickle.dumps({"inner": b"\x80\x02" + imports + attack}, 4))

# Beginnings of real files that an unpickler would read some way.
(clean / "corpus.txt.bz2").write_bytes(bz2.compress(rng.bytes(300_000)))
for tensors in (291, 1025, 0x2E2E, 0x52):
    values = struct.pack("<Q", 20) + b"general.architecture" + struct.pack("<IQ", 8, 5) + b"llama"
    (clean / f"{tensors}.gguf").write_bytes(b"GGUF" + struct.pack("<IQQ", 3, tensors, 24) + values + rng.bytes(100_000))
for padding in range(0, 512):
    shapes = {f"model.layers.{i}.self_attn.k_proj.weight": {"dtype": "F32", "shape": [2], "data_offsets": [8 * i, 8 * i + 8]} for i in range(4)}
    header = json.dumps({"__metadata__": {"format": "pt"}, **shapes}, separators=(",", ":")).encode()
    (clean / f"{padding}.safetensors").write_bytes(struct.pack("<Q", len(header) + padding) + header + b" " * padding + rng.bytes(32))
(clean / "ignored.txt").write_text(".cache/\n*.log\n")
# Whatever the first byte means to an unpickler, numbers are none.
weights = rng.rand(20_000).astype("f4").tobytes()
for first in range(256):
    (clean / f"weights{first}.bin").write_bytes(bytes([first]) + weights[1:])
