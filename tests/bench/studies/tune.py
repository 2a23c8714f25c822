"""How many trials a second a study does on two slots, beside Optuna alone in one process.

Both tune a random forest on the training rows of the digits, by TPE over the same space, with five
folds; ours also fits each trial on all training rows, and keeps its artifact.
"""

from __future__ import annotations

import asyncio
import time
from functools import partial

import optuna
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import StratifiedKFold, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from autolearn.client.local.system import System
from autolearn.client.sdk.client import AsyncAutoLearn
from autolearn.ml.environment import one_thread
from tests.bench.main_job import home

TRIALS, TREES = 8, 40
LEAVES, FEATURES = (1, 16), ("sqrt", "log2", 0.3)


async def tune() -> dict[str, float]:
    """Measure one study of each, one after the other."""
    async with (
        home() as settings,
        System(settings) as system,
        AsyncAutoLearn(system.url, token=system.token) as client,
    ):
        session = await client.session("bench")
        fixed = {"n_estimators": TREES}
        ask = partial(session.tune, "random-forest", "digits", space=SPACE, hyperparameters=fixed)
        await ask(trials=2)  # loads Optuna
        began = time.perf_counter()
        study = await ask(trials=TRIALS)
        ours = study.counts["completed"] / (time.perf_counter() - began)
    bare = await asyncio.to_thread(optuna_alone)
    return {
        "tune_trials_per_s": ours,
        "tune_optuna_trials_per_s": bare,
        "tune_vs_optuna": ours / bare,
    }


SPACE = {
    "min_samples_leaf": {"low": LEAVES[0], "high": LEAVES[1], "log": True},
    "max_features": {"choices": list(FEATURES)},
}


def optuna_alone() -> float:
    one_thread()
    rows, answers = load_digits(return_X_y=True)
    kept, _, labels, _ = train_test_split(rows, answers, test_size=0.25, stratify=answers)
    folds = StratifiedKFold(5, shuffle=True, random_state=0)

    def objective(trial: optuna.Trial) -> float:
        forest = RandomForestClassifier(
            n_estimators=TREES,
            min_samples_leaf=trial.suggest_int("min_samples_leaf", *LEAVES, log=True),
            max_features=trial.suggest_categorical("max_features", FEATURES),
            random_state=0,
        )
        return float(
            cross_val_score(make_pipeline(StandardScaler(), forest), kept, labels, cv=folds).mean()
        )

    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=0))
    began = time.perf_counter()
    study.optimize(objective, n_trials=TRIALS)
    return TRIALS / (time.perf_counter() - began)
