"""MLflow's server of the pipeline: `python mlflow_peer.py DATA FOLDER PORT`, in its environment."""

import os
import sys
from pathlib import Path

import mlflow.sklearn
from peer_pipeline import fitted

data, folder, port = sys.argv[1:]
mlflow.sklearn.save_model(fitted(data), f"{folder}/model", skops_trusted_types=["numpy.dtype"])
environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
command = [
    *(sys.executable, "-m", "mlflow", "models", "serve", "-m", f"{folder}/model", "-p", port),
    *("--env-manager", "local", "--workers", "1"),
]
os.execve(command[0], command, environment)
