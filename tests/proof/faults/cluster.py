"""Three brokers with three replicas of each partition, one of which is killed."""

from __future__ import annotations

import time

from tests.proof.brokers import ThreeBrokers
from tests.proof.injection import Record, injection
from tests.proof.pipeline import Options, pipeline

DOWN_S = 10.0


@injection("one-of-three", "Three brokers, kill -9 of each in its turn, started again after 10 s", limit_s=480)
def one_of_three(record: Record) -> None:
    """Leaders, coordinators and the controller move; two replicas are in step all the time."""
    with pipeline(record, options=Options(kafka=ThreeBrokers)) as shop:
        cluster = shop.rig.kafka
        assert isinstance(cluster, ThreeBrokers)
        for number, node in enumerate(cluster.nodes):
            shop.wait_at_work()
            node.kill()
            record.injected(f"broker {number + 1}")
            shop.wait_back()
            time.sleep(DOWN_S)
            node.start()
            node.wait_ready(120)
            time.sleep(5.0)  # its replicas are in step again
        shop.compare()
