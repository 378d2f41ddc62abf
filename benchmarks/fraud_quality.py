"""Quality of the fraud verdicts: precision and recall of the rules, per pattern and in total.

    python -m benchmarks.fraud_quality [--orders 100000] [--seeds 11,12,13] [--fraud 0.01] [--rate 200]

The storefront's orders by event time; each becomes a payment request, with the label of the generator's ledger. All
orders of refund abusers are refunded, and a seeded few of the others, as the shipping service decides. The rules are
pure, so this needs no Kafka.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from random import Random

import msgspec

from generators.fraud_scenarios import PATTERNS
from generators.refund_abuse import never_receives
from generators.storefront import Storefront
from processors.fraud.memory import CardMemory, CustomerMemory, Payment
from processors.fraud.rules import Limits
from processors.fraud.verdict import by_card, judge_card, judge_customer, score
from streamgauge.catalog.commerce.events import OrderEvent
from streamgauge.runtime.settings import Settings

START_MS = 1_790_000_000_000
REQUEST_AFTER_MS, REFUND_AFTER_MS = 300, 15_000
HONEST_REFUNDS = 0.03


def traffic(seed: int, orders: int, rate: float, share: float) -> tuple[list[Payment], dict[str, str]]:
    """Requests and refunds by event time, and the labels of fraudulent orders."""
    shop, rng = Storefront(seed, START_MS, rate, fraud=share), Random(f"refunds {seed}")
    decode = msgspec.json.Decoder(OrderEvent).decode
    payments: list[Payment] = []
    placed = 0
    while placed < orders:
        for topic, _key, value, kind, *_ in shop.tick():
            if topic != "orders" or kind != "order.placed" or value is None:
                continue
            placed += 1
            event = decode(value)
            request = Payment(
                payment_id=f"P-{event.order_id}",
                order_id=event.order_id,
                customer_id=event.customer_id,
                method=event.payment_method,
                amount_cents=event.amount_cents,
                at=event.occurred_at + REQUEST_AFTER_MS,
                asked_at=0,
                card=event.card,
                region=event.region,
            )
            payments.append(request)
            if never_receives(event.customer_id) or rng.random() < HONEST_REFUNDS:
                payments.append(msgspec.structs.replace(request, refunded=True, at=request.at + REFUND_AFTER_MS))
    payments.sort(key=lambda one: one.at)
    return payments, shop.labels


@dataclass
class Figures:
    """Counts of payments: `flagged` by at least one rule, `declined` above the threshold."""

    payments: int = 0
    labelled: Counter[str] = field(default_factory=Counter)
    flagged: Counter[str] = field(default_factory=Counter)
    declined: Counter[str] = field(default_factory=Counter)
    honest_flagged: int = 0
    honest_declined: int = 0
    # For each rule: how often it fired on fraud, and on other payments.
    rules: dict[str, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))

    # Unlabelled orders of refund abusers: neither fraud nor honest.
    abusers: int = 0

    def take(self, label: str | None, rules: list[str], *, declined: bool) -> None:
        """Count one payment."""
        self.payments += 1
        for rule in rules:
            self.rules[rule][label is None] += 1
        if label is None:
            self.honest_flagged += bool(rules)
            self.honest_declined += declined
            return
        self.labelled[label] += 1
        self.flagged[label] += bool(rules)
        self.declined[label] += declined


def judge(payments: list[Payment], labels: dict[str, str], limits: Limits, figures: Figures) -> None:
    """Run the rules over the payments as the service does."""
    cards: dict[str | None, CardMemory] = {}
    customers: dict[str, CustomerMemory] = {}
    for payment in payments:
        passed = msgspec.structs.replace(payment)
        if by_card(passed):
            judged = judge_card(passed, cards.get(passed.card, CardMemory()), limits)
            if judged is None:
                continue
            cards[passed.card], passed = judged
        step = judge_customer(passed, customers.get(passed.customer_id, CustomerMemory()), limits)
        if step is None:
            continue
        customers[passed.customer_id], findings = step
        if findings is not None:
            rules = [finding.rule for finding in findings]
            label = labels.get(passed.order_id)
            if label is None and never_receives(passed.customer_id):
                figures.abusers += 1
            else:
                figures.take(label, rules, declined=score(findings) >= limits.decline_at)


def share(part: int, whole: int) -> str:
    """A ratio as a percentage."""
    return f"{part / whole:.1%}" if whole else "-"


def show(figures: Figures) -> None:
    """Print the table."""
    planted = figures.labelled.total()
    honest = figures.payments - planted
    print(
        f"{figures.payments:,} payments, {planted:,} of them planted fraud; not counted: {figures.abusers:,} without a "
        f"label of customers who claim refunds by habit"
    )
    print(f"{'':18}{'payments':>10}{'recall, flagged':>18}{'recall, declined':>18}")
    for pattern in PATTERNS:
        count = figures.labelled[pattern]
        flagged, declined = share(figures.flagged[pattern], count), share(figures.declined[pattern], count)
        print(f"{pattern:18}{count:10,}{flagged:>18}{declined:>18}")
    for name, caught, others in (
        ("flagged", figures.flagged.total(), figures.honest_flagged),
        ("declined", figures.declined.total(), figures.honest_declined),
    ):
        print(
            f"all, {name + ':':10} recall {share(caught, planted)}, precision {share(caught, caught + others)}; "
            f"{others:,} of {honest:,} honest payments {name}"
        )
    print("rule: fired on fraud, on other payments")
    for rule, counts in sorted(figures.rules.items()):
        print(f"  {rule:18}{counts[0]:8,}{counts[1]:8,}")


def main() -> None:
    """Parse arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", type=int, default=100_000)
    parser.add_argument("--seeds", default="11,12,13")
    parser.add_argument("--fraud", type=float, default=0.01)
    parser.add_argument("--rate", type=float, default=200.0)
    options, _ = parser.parse_known_args()
    figures, limits = Figures(), Limits.of(Settings())
    seeds = [int(seed) for seed in options.seeds.split(",")]
    for seed in seeds:
        payments, labels = traffic(seed, options.orders // len(seeds), options.rate, options.fraud)
        judge(payments, labels, limits, figures)
    print(f"seeds {options.seeds}, {options.rate:g} events/s, {options.fraud:.0%} fraud")
    show(figures)


if __name__ == "__main__":
    main()
