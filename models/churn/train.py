"""P(no purchase in the next 90 days), from purchases. Usage: train.py ROWS.csv, as models/README.md says."""

import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from training import DAY_MS, Feature, Task, train

NEVER = "never bought: as if a year ago; the data have no such customer"

TASK = Task(
    name="churn",
    label="probability of no purchase in the next 90 days",
    horizon_ms=90 * DAY_MS,
    features=(
        Feature("purchase_recency", default=365 * DAY_MS, unit=DAY_MS, cap=545 * DAY_MS, why=NEVER),
        Feature("purchases_30d"),
        Feature("purchases_90d"),
        Feature("purchases_half_30d"),
        Feature("purchases_half_180d"),
        Feature("purchases_all"),
        Feature("spend_half_180d"),
        Feature("spend_last"),
    ),
    recency=(("purchase_recency", ("purchase_recency",)),),
    train_from="1997-04-01",
    test_from=("1998-01-01",),
    test_until="1998-04-02",
    trained_on={
        "source": "CDNOW sample: purchases of 2,357 customers, 1997-01-01 to 1998-06-30",
        "rows_taken": "weekly, of every customer with a purchase so far, from 90 days after the first purchase",
        "holdout": (
            "by time: measured on snapshots of 1998-01-01 to 1998-04-01 by a model of snapshots whose 90 days had ended "
            "before; the same customers recur in both; the interval is a bootstrap by customer. "
            "The file was then fitted on all rows in the same way"
        ),
    },
    limits=(
        "One shop that sold CDs in 1997 and 1998, and only customers whose first purchase was in its first quarter: "
        "no newcomers later, so the rate of silence rises through the data.",
        "Purchases by day and nothing else: no clicks, no complaints, no prices, no cancellations.",
        "Silence in this shop, not loss of the customer: what was bought elsewhere is not seen.",
        "It says who will be silent, not whom an offer would bring back: no contact was randomised.",
        "Other shops and banks buy at another pace: measure the calibration on your own customers before you trust the number.",
        "Negative numbers (refunds that outweigh purchases) read as 0; silence beyond 545 days reads as 545 days.",
    ),
)

train(TASK, Path(__file__).resolve().parent)
