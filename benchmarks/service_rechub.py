"""torch-rechub's way to serve MIND, for benchmarks/service.py; runs in an environment of its own.

torch-rechub has no web service. Its documentation exports the user's side to ONNX, runs it with onnxruntime, keeps the
items' vectors in an index of faiss, and leaves the rest to the reader: here that is the shortest FastAPI endpoint that
does the same as ours: tokens in, the best unseen items of all interests out. Nothing is checked or limited.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime
import torch
import uvicorn
from fastapi import FastAPI
from torch_rechub.basic.features import SequenceFeature, SparseFeature
from torch_rechub.models.matching import MIND
from torch_rechub.serving import builder_factory
from torch_rechub.trainers import MatchTrainer

parser = argparse.ArgumentParser()
parser.add_argument("--items", type=int, required=True)
parser.add_argument("--users", type=int, required=True)
parser.add_argument("--length", type=int, required=True)
parser.add_argument("--size", type=int, required=True)
parser.add_argument("--interests", type=int, required=True)
parser.add_argument("--port", type=int, required=True)
given = parser.parse_args()

torch.manual_seed(1)
items, length = given.items, given.length
item = {"vocab_size": items + 1, "embed_dim": given.size}
history = SequenceFeature("hist", pooling="concat", shared_with="item", **item)
model = MIND(
    [SparseFeature("user", vocab_size=given.users + 1, embed_dim=given.size)],
    [history],
    [SparseFeature("item", **item)],
    [SequenceFeature("negatives", pooling="concat", shared_with="item", **item)],
    max_length=length,
    interest_num=given.interests,
)
trainer = MatchTrainer(model, mode=2, n_epoch=1, device="cpu")
folder = Path(tempfile.mkdtemp())
trainer.export_onnx(str(folder / "user.onnx"), mode="user", seq_length=length)
model.mode = "item"
with torch.no_grad():
    vectors = model.eval()({"item": torch.arange(items + 1)})
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1  # as ours
session = onnxruntime.InferenceSession(str(folder / "user.onnx"), options)
number = {str(token): token for token in range(1, items + 1)}
app = FastAPI()

with builder_factory("faiss", index_type="Flat", metric="IP").from_embeddings(vectors.contiguous()) as index:

    @app.post("/recommend")
    def recommend(body: dict):
        results = []
        for tokens in body["histories"]:
            ids = [number[token] for token in tokens if token in number]
            padded = np.zeros((1, length), dtype=np.int64)
            padded[0, : len(ids[-length:])] = ids[-length:]
            (interests,) = session.run(None, {"user": np.zeros(1, dtype=np.int64), "hist": padded})
            found, scores = index.query(torch.from_numpy(interests[0]), top_k=body["k"] + len(ids) + 1)
            best, seen = {}, {0, *ids}
            for one, score in zip(found.flatten().tolist(), scores.flatten().tolist()):
                if one not in seen:
                    best[one] = max(score, best.get(one, score))
            top = sorted(best.items(), key=lambda pair: -pair[1])[: body["k"]]
            results.append({"items": [str(one) for one, _ in top], "scores": [score for _, score in top]})
        return {"recommendations": results}

    print(f"serving at http://127.0.0.1:{given.port};", flush=True)
    uvicorn.run(app, host="127.0.0.1", port=given.port, log_level="error", access_log=False)
