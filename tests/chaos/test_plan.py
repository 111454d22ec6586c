from collections import Counter

from chaos.plan import POSTGRES, REDIS, Act, plan
from devserver.stack import PROJECT, read_procfile


def test_the_same_seed_gives_the_same_plan_and_another_one_another() -> None:
    assert plan(1, 300) == plan(1, 300)
    assert plan(1, 300) != plan(2, 300)


def test_every_process_is_broken_within_five_minutes() -> None:
    targets = {fault.target for fault in plan(1, 300)}
    assert targets == {*read_procfile(PROJECT / "Procfile"), POSTGRES, REDIS}
    killed = {fault.target for fault in plan(1, 300) if fault.act is Act.KILL}
    assert killed == targets


def test_all_is_over_by_the_end_and_in_order() -> None:
    for seed in range(20):
        faults = plan(seed, 120)
        assert [fault.at for fault in faults] == sorted(fault.at for fault in faults)
        assert all(fault.seconds >= 0 and fault.at + fault.seconds <= 120.1 for fault in faults)


def test_some_pauses_of_workers_outlast_a_lease_and_some_faults_come_together() -> None:
    faults = [fault for seed in range(5) for fault in plan(seed, 600)]
    assert any(fault.target == "worker" and fault.act is Act.PAUSE and fault.seconds > 45 for fault in faults)
    assert max(Counter(fault.at for fault in plan(1, 600)).values()) > 1
