"""Makes the data files of the examples again: the same bytes each time.

`progression` and `wines` are real, and come with scikit-learn. The others are made up, so that it
is known what a model can find in them: the comments say what has been put in.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from pathlib import Path

import numpy as np
from sklearn.datasets import load_diabetes, load_wine

HERE = Path(__file__).parent


def main(folder: Path = HERE) -> None:
    """Write all files below a folder."""
    customers, newcomers = shop()
    heads = ["customer", "city", "joined", "orders", "spent", "complaints", "newsletter"]
    write(folder / "classification/customers.csv", [*heads, "again"], customers)
    write(folder / "classification/newcomers.csv", heads, newcomers)
    write(folder / "regression/patients.csv", *patients())
    write(folder / "clustering/wines.csv", *wines())
    write(folder / "anomaly/pump.csv", *pump())
    write(folder / "forecast/load.csv", *load())


def shop() -> tuple[list[list[object]], list[list[object]]]:
    """Return the customers of a shop, most of whom are known to have bought again or not.

    Who orders often, spends much an order, reads the newsletter and has no complaint buys again
    more often; the city does not matter. Some rows are there twice, some sums are missing, and a
    quarter of the cities has one or two customers each.
    """
    random = np.random.default_rng(1)
    large, small = ["Graz", "Linz", "Vienna"], [f"Village {number}" for number in range(1, 25)]
    rows: list[list[object]] = []
    for number in range(660):
        orders = 1 + random.poisson(4)
        each = random.lognormal(3.4, 0.5)
        complaints = random.binomial(orders, 0.12)
        newsletter = random.random() < 0.4
        odds = 0.5 * (orders - 5) + 1.5 * (np.log(each) - 3.4) - 1.4 * complaints + 1.6 * newsletter
        again = random.random() < 1 / (1 + np.exp(-odds))
        city = random.choice(large) if random.random() < 0.94 else random.choice(small)
        spent: object = "" if random.random() < 0.04 else round(orders * each, 2)
        joined = date(2024, 1, 1) + timedelta(days=int(random.integers(700)))
        told = [f"c{number:04}", city, joined, orders, spent, complaints]
        rows.append([*told, "yes" if newsletter else "no", "yes" if again else "no"])
    customers = rows[:600]
    for place in random.choice(600, 12, replace=False):
        customers.append(customers[place])
    return customers, [row[:-1] for row in rows[600:]]


def patients() -> tuple[list[str], list[list[object]]]:
    """Return 442 patients, and how far their diabetes was after a year (Efron et al., 2004)."""
    found = load_diabetes(scaled=False)
    heads = ["age", "sex", "bmi", "pressure", "tc", "ldl", "hdl", "tch", "ltg", "glucose"]
    sexes = {1.0: "a", 2.0: "b"}  # the source does not say which is which
    rows: list[list[object]] = []
    for values, target in zip(found.data, found.target, strict=True):
        told: list[object] = [plain(one) for one in values]
        told[1] = sexes[float(values[1])]
        rows.append([*told, plain(target)])
    return [*heads, "progression"], rows


def wines() -> tuple[list[str], list[list[object]]]:
    """Return 178 wines of three cultivars, with what was measured (Forina et al., 1991)."""
    found = load_wine()
    names = [
        name.replace("od280/od315_of_diluted_wines", "dilution") for name in found.feature_names
    ]
    cultivars = ["barolo", "grignolino", "barbera"]
    rows = [
        [*map(plain, values), cultivars[target]]
        for values, target in zip(found.data, found.target, strict=True)
    ]
    return [*names, "cultivar"], rows


def pump() -> tuple[list[str], list[list[object]]]:
    """Return half an hour's means of a pump's sensors, over ten days.

    A warm pump draws less current. In 12 rows, which the column `fault` names, something is wrong:
    it runs dry (little current, much vibration), or a bearing is worn (hot, much vibration).
    """
    random = np.random.default_rng(3)
    broken = set(random.choice(480, 12, replace=False).tolist())
    rows: list[list[object]] = []
    for number in range(480):
        heat = 45 + 6 * np.sin(2 * np.pi * number / 48) + random.normal(0, 1.5)
        current = 12 - 0.08 * (heat - 45) + random.normal(0, 0.3)
        vibration = random.gamma(9, 0.2)
        fault = ""
        if number in broken:
            fault = "dry" if random.random() < 0.5 else "bearing"
            vibration += random.uniform(1.5, 3)
            current -= random.uniform(2, 4) if fault == "dry" else 0
            heat += random.uniform(10, 18) if fault == "bearing" else 0
        hour, half = divmod(number % 48, 2)
        day = date(2026, 3, 2) + timedelta(days=number // 48)
        told = [f"{day}T{hour:02}:{30 * half:02}:00", round(heat, 1), round(current, 2)]
        rows.append([*told, round(vibration, 2), fault or "none"])
    return ["at", "heat", "current", "vibration", "fault"], rows


def load() -> tuple[list[str], list[list[object]]]:
    """Return what a town needed of electricity each day of two years, in MWh.

    Less is needed at weekends and in summer; what is left of a day goes over to the next.
    """
    random = np.random.default_rng(4)
    rows: list[list[object]] = []
    rest = 0.0
    for number in range(730):
        day = date(2024, 1, 1) + timedelta(days=number)
        rest = 0.8 * rest + random.normal(0, 9)
        season = 60 * np.cos(2 * np.pi * (number - 15) / 365.25)
        weekend = -70 if day.weekday() == 6 else -45 if day.weekday() == 5 else 0
        rows.append([day, round(420 + season + weekend + rest, 1)])
    return ["day", "load"], rows


def plain(value: float) -> object:
    """Return a whole number as one."""
    return int(value) if value == int(value) else float(value)


def write(path: Path, heads: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a CSV file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        told = csv.writer(file, lineterminator="\n")
        told.writerow(heads)
        told.writerows(rows)


if __name__ == "__main__":
    main()
