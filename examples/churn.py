"""Write the files of docs/guide.md: customers of a phone company, and whether they left.

    python examples/churn.py [FOLDER]

writes churn.csv (3,000 customers of January to April), churn_may.csv (400 of May) and
churn_june.csv (400 of June, of whom nobody knows yet). The same files each time.
"""

from __future__ import annotations

import csv
import math
import sys
from datetime import date, timedelta
from pathlib import Path
from random import Random

HEAD = (
    *("customer_id", "signup_date", "age", "plan", "monthly_eur", "tenure_days"),
    *("calls", "country", "notes", "churned"),
)
PRICES = {"basic": 15.0, "plus": 27.0, "pro": 48.0, "enterprise": 90.0}


def customer(random: Random, first: date, days: int, plans: dict[str, int]) -> list[object]:
    """Return a row, with its answer."""
    signup = first + timedelta(days=random.randrange(days))
    (plan,) = random.choices(list(plans), list(plans.values()))
    tenure = random.randrange(10, 900)
    calls = min(12, int(random.expovariate(0.7)))
    age = random.randrange(18, 85)
    price = round(PRICES[plan] * random.uniform(0.8, 1.3), 2)
    risk = -3.0 + 0.55 * calls - 0.0022 * tenure + 0.9 * (plan == "basic") + 0.02 * (price - 20)
    left = random.random() < 1 / (1 + math.exp(-risk))
    return [
        "",
        signup.isoformat(),
        "" if random.random() < 0.06 else age,
        plan,
        price,
        tenure,
        calls,
        random.choice(["AT", "CH", "DE", "DE", "FR"]),
        random.choice(["", "", "", "called twice", "moved", "asked for a discount"]),
        "yes" if left else "no",
    ]


def write(path: Path, rows: list[list[object]], columns: int) -> None:
    """Write rows as CSV, so many columns of them."""
    with path.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([row[:columns] for row in [HEAD, *rows]])


def main(folder: Path) -> None:
    """Write the three files."""
    random = Random(20)
    plans = {"basic": 5, "plus": 3, "pro": 2}
    names = [f"C{number}" for number in random.sample(range(100_000, 999_999), 3800)]
    old = [customer(random, date(2026, 1, 1), 120, plans) for _ in range(3000)]
    may = [customer(random, date(2026, 5, 1), 31, plans) for _ in range(400)]
    newer = {"basic": 5, "plus": 3, "enterprise": 2}
    june = [customer(random, date(2026, 6, 1), 30, newer) for _ in range(400)]
    for row, name in zip([*old, *may, *june], names, strict=True):
        row[0] = name
    write(folder / "churn.csv", old, len(HEAD))
    write(folder / "churn_may.csv", may, len(HEAD))
    write(folder / "churn_june.csv", june, len(HEAD) - 1)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
