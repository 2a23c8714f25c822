"""MLServer with the pipeline: `python mlserver_peer.py DATA FOLDER PORT`, in its environment."""

import json
import os
import sys
from pathlib import Path

import joblib
from peer_pipeline import fitted

data, folder, port = sys.argv[1:]
joblib.dump(fitted(data), f"{folder}/model.joblib")
model = {"name": "lr", "implementation": "mlserver_sklearn.SKLearnModel"}
others = {"grpc_port": int(port) + 1, "metrics_port": int(port) + 2}
ports = {"http_port": int(port), **others, "parallel_workers": 0}
for name, said in (
    ("model-settings", {**model, "parameters": {"uri": "./model.joblib"}}),
    ("settings", {"debug": False, "host": "127.0.0.1", **ports}),
):
    Path(folder, f"{name}.json").write_text(json.dumps(said))
program = str(Path(sys.executable).with_name("mlserver"))
os.execv(program, [program, "start", folder])
