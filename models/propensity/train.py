"""P(a purchase in the next 24 hours), from views, carts, favourites and purchases. Usage: train.py ROWS.csv (README.md)."""

import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from training import DAY_MS, HOUR_MS, Feature, Task, train

LONG_AGO = "never, or more than 10 days ago: the data are 9 days long"


def recency(name):
    return Feature(name, default=10 * DAY_MS, unit=HOUR_MS, cap=10 * DAY_MS, why=LONG_AGO)


TASK = Task(
    name="propensity",
    label="probability of a purchase in the next 24 hours",
    horizon_ms=DAY_MS,
    features=(
        recency("view_recency"),
        recency("cart_recency"),
        recency("purchase_recency"),
        Feature("views_1h"),
        Feature("views_24h"),
        Feature("views_7d"),
        Feature("views_half_6h"),
        Feature("items_24h"),
        Feature("carts_24h"),
        Feature("carts_7d"),
        Feature("favourites_24h"),
        Feature("favourites_7d"),
        Feature("purchases_24h"),
        Feature("purchases_7d"),
        Feature("purchases_all"),
        Feature("cart_rate_7d"),
    ),
    recency=(
        ("view_recency", ("view_recency",)),
        ("cart_recency", ("cart_recency",)),
        ("purchase_recency", ("purchase_recency",)),
        ("all_recencies", ("view_recency", "cart_recency", "purchase_recency")),
    ),
    train_from="2017-11-26",
    test_from=("2017-11-28", "2017-11-29", "2017-11-30", "2017-12-01", "2017-12-02"),
    test_until="2017-12-03",
    slices={"active_last_hour": ("view_recency", HOUR_MS)},
    trained_on={
        "source": "Taobao user behaviour: all events of 815 users, 2017-11-24 to 2017-12-03",
        "rows_taken": "every 6 hours, of every user seen so far, from 2017-11-26 on",
        "holdout": (
            "by time: each of 5 days is measured by a model of snapshots whose 24 hours had ended before it; the same users "
            "recur in all; the interval is a bootstrap by user. The file was then fitted on all rows in the same way"
        ),
    },
    limits=(
        "Nine days of one shop and 815 users; no seasons, no newcomers, and a sale (12 December) is near.",
        "Windows of 7 days were never full for most rows: customers with a whole week behind them look busier than any in "
        "the data.",
        "The gain over recency is real but small, and shown for rows taken by the clock. For users who viewed a page within "
        "the last hour see active_last_hour in the metrics: its interval reaches 0. A model of the same kind trained and "
        "tested on rows taken at clicks (13,573 rows, the same 5 days) was no better than the recency of purchases alone "
        "(log loss -0.0002, 95 % -0.0069 to 0.0067). Do not read a ranking of active users into it.",
        "Tried first: one split, with the last 40 hours as the holdout. There the interval against the recency of purchases "
        "reached beyond 0 (log loss -0.0015, 95 % -0.0067 to 0.0040). The holdout was then widened to the five days reported here.",
        "It says who will buy, not whom an offer would make buy: no contact was randomised.",
        "What was bought in other shops is not seen; prices and stock are not in the data.",
        "A recency beyond 10 days reads as 10 days.",
    ),
)

train(TASK, Path(__file__).resolve().parent)
