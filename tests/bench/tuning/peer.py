"""FLAML's side of the comparison of tuning; and the ten datasets, which packages bring.

    python peer.py data FOLDER SEED      writes NAME.csv for each, with a column `part`
    python peer.py flaml FILE TARGET TASK SECONDS SEED      prints the score on rows of part test

It imports nothing of AutoLearn: it runs in an environment of its own, made by
`pip install "flaml[automl]" scikit-learn==1.9.1 pandas==3.1.1 statsmodels`.
"""

import json
import sys
from pathlib import Path

PENGUINS = Path(__file__).parents[3] / "examples" / "penguins.csv"


def frames():
    """Yield name, frame, target and task."""
    import pandas as pd
    from sklearn import datasets
    from statsmodels import datasets as more

    for name in ("iris", "wine", "breast_cancer", "digits"):
        one = getattr(datasets, f"load_{name}")(as_frame=True)
        yield name, one.frame, "target", "classification"
    yield "diabetes", datasets.load_diabetes(as_frame=True).frame, "target", "regression"
    yield "penguins", pd.read_csv(PENGUINS), "species", "classification"
    fair = more.fair.load_pandas().data
    fair["affairs"] = (fair["affairs"] > 0).astype(int)
    yield "fair", fair, "affairs", "classification"
    yield "anes96", more.anes96.load_pandas().data, "vote", "classification"
    star = more.star98.load_pandas().data
    star["rate"] = star["NABOVE"] / (star["NABOVE"] + star["NBELOW"])
    yield "star98", star.drop(columns=["NABOVE", "NBELOW"]), "rate", "regression"
    visits = more.randhie.load_pandas().data.sample(5000, random_state=0)
    yield "randhie", visits, "mdvis", "regression"


def data(folder: Path, seed: int) -> None:
    """Write each dataset, a quarter of its rows held out."""
    from sklearn.model_selection import train_test_split

    found = []
    for name, frame, target, task in frames():
        frame = frame.reset_index(drop=True)
        if task == "classification":
            frame[target] = "c" + frame[target].astype(str)
        strata = frame[target] if task == "classification" else None
        _, held = train_test_split(frame.index, test_size=0.25, random_state=seed, stratify=strata)
        frame["part"] = "train"
        frame.loc[held, "part"] = "test"
        frame.to_csv(folder / f"{name}.csv", index=False)
        found.append([name, target, task])
    print(json.dumps(found))


def flaml(file: str, target: str, task: str, seconds: float, seed: int) -> None:
    """Search as long as it is allowed, and score the held-out rows."""
    import pandas as pd
    from flaml.automl import AutoML
    from sklearn.metrics import accuracy_score, r2_score

    frame = pd.read_csv(file)
    for name in frame.select_dtypes(include=["object", "string"]).columns.drop("part"):
        if name != target:
            frame[name] = frame[name].astype("category")
    train, held = (frame[frame["part"] == part].drop(columns="part") for part in ("train", "test"))
    metric, score = ("accuracy", accuracy_score) if task == "classification" else ("r2", r2_score)
    auto = AutoML()
    auto.fit(
        train.drop(columns=target), train[target].to_numpy(), task=task, metric=metric,
        time_budget=seconds, seed=seed, n_jobs=2, verbose=0,
    )  # fmt: skip
    answers = auto.predict(held.drop(columns=target))
    print(json.dumps([float(score(held[target].to_numpy(), answers)), auto.best_estimator]))


if __name__ == "__main__":
    what, *words = sys.argv[1:]
    if what == "data":
        data(Path(words[0]), int(words[1]))
    else:
        flaml(words[0], words[1], words[2], float(words[3]), int(words[4]))
