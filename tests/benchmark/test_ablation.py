import pytest
from made_up_records import ANNEALED, CONSTANT, made_up_ablation, made_up_record, made_up_speech

from benchmark.ablation import ablations
from benchmark.row import describe_ends
from benchmark.rows import group_rows
from benchmark.tables.plain import plain_row


def test_a_sweep_is_an_ablation_of_each_model():
    found = ablations(group_rows(made_up_ablation(seeds=(1, 2))))
    assert [ablation.title for ablation in found] == ["SRNN", "VRNN-Gauss", "Z-Forcing"]
    for ablation in found:
        assert ablation.aux_weights == [0.0, 0.0025, 0.01]
        assert ablation.kl_weights == [CONSTANT, ANNEALED]
        assert len(ablation.rows) == 6


def test_the_rows_of_a_table_are_compared_where_nothing_but_the_weights_differs():
    found = ablations(group_rows(made_up_speech(seeds=(1,))))
    assert {ablation.title: len(ablation.rows) for ablation in found} == {"VRNN-Gauss": 2, "Z-Forcing": 4}


@pytest.mark.parametrize("changed", ["learning_rate = 0.1", "other = 1"])
def test_rows_that_differ_in_more_are_not_compared(changed):
    plain, helped = made_up_record(), made_up_record("Z-Forcing + aux", aux_weight=0.0025)
    assert len(ablations(group_rows([plain, helped]))) == 1
    config = helped["config"].replace("learning_rate = 0.001", changed)
    assert ablations(group_rows([plain, helped | {"config": config}])) == []


def test_a_default_schedule_is_compared_with_a_bound_one():
    """A plain row binds neither the schedule nor its macros."""
    plain, helped = made_up_record(), made_up_record("Z-Forcing + aux", aux_weight=0.0025)
    of_schedules = ("auxiliary", "anneal", "Objective.")
    plain["config"] = "\n".join(line for line in plain["config"].splitlines() if not line.startswith(of_schedules))
    (ablation,) = ablations(group_rows([plain, helped]))
    assert ablation.aux_weights == [0.0, 0.0025]


def test_a_cost_that_is_added_to_a_model_brings_its_networks():
    """As gin/base/vrnn_auxiliary.gin does."""
    plain, helped = (made_up_record("VRNN", 1, "VRNN", aux_weight=weight) for weight in (0.0, 0.0025))
    backward = "Objective.backward_weight = @reconstruction/Constant()\nreconstruction/Constant.value = 1.0\n"
    helped["config"] += f"VRNN.auxiliary = @Auxiliary()\nAuxiliary.loss = 'l2'\n{backward}"
    (ablation,) = ablations(group_rows([plain, helped]))
    assert ablation.aux_weights == [0.0, 0.0025]
    trained = {**helped, "config": helped["config"].replace("VRNN.auxiliary = @Auxiliary()\n", "")}
    assert ablations(group_rows([plain, trained])) == []


def test_a_macro_that_more_than_the_schedule_uses_has_to_be_the_same():
    plain, helped = made_up_record(), made_up_record("Z-Forcing + aux", aux_weight=0.0025)
    for record in (plain, helped):
        record["config"] += "\nTraining.validate_every = %auxiliary_step\n"
    assert len(ablations(group_rows([plain, helped]))) == 1
    helped["config"] = helped["config"].replace("auxiliary_step = 0.0001", "auxiliary_step = 0.1")
    assert ablations(group_rows([plain, helped])) == []


def test_weights_that_move_at_another_pace_are_another_ablation():
    records = made_up_ablation(seeds=(1,), models=("ZForcing",))
    slower = [dict(record) for record in records]
    for record in slower:
        record["config"] = record["config"].replace("auxiliary_step = 0.0001", "auxiliary_step = 0.00001")
        record["run_id"] += "0"
    found = ablations(group_rows([*records, *slower]))
    titles = [f"Z-Forcing, auxiliary step {step}" for step in ("0.00001", "0.0001")]
    assert [ablation.title for ablation in found] == titles
    assert [len(ablation.rows) for ablation in found] == [6, 6]
    for ablation in found:
        helped = [row for row in ablation.rows.values() if row.has_auxiliary_cost]
        assert len({row.settings["auxiliary_step"] for row in helped}) == 1


def at_pace(record, start="0.0", step="0.0001", annealing="0.0016"):
    """The record with other schedules."""
    config = record["config"].replace("auxiliary_step = 0.0001", f"auxiliary_step = {step}")
    config = config.replace("auxiliary/Linear.start = 0.0", f"auxiliary/Linear.start = {start}")
    assert "anneal_step = 0.0016" in config
    config = config.replace("anneal_step = 0.0016", f"anneal_step = {annealing}")
    weights = {end: dict(record["weights"][end]) for end in ("first", "last")}
    weights["first"]["aux_weight"] = float(start)
    return record | {"config": config, "weights": weights}


def test_a_kl_weight_that_moves_at_another_pace_is_no_control():
    plain = made_up_record("Z-Forcing + kla", kl_weight=ANNEALED)
    helped = made_up_record("Z-Forcing + kla, aux", kl_weight=ANNEALED, aux_weight=0.01)
    assert len(ablations(group_rows([plain, helped]))) == 1
    assert ablations(group_rows([at_pace(plain, annealing="0.1"), helped])) == []
    constant = made_up_record("Z-Forcing + aux", aux_weight=0.01)
    rows = group_rows([at_pace(made_up_record(), annealing="0.1"), constant])
    assert len(ablations(rows)) == 1, "the pace of a weight that stays where it is does not matter"


def test_no_pace_is_left_out_and_none_are_mixed():
    paces = ((0.01, "0.0001"), (0.01, "0.1"), (0.02, "0.1"))
    plain = made_up_record()
    helped = [at_pace(made_up_record("Z-Forcing + aux", aux_weight=weight), step=step) for weight, step in paces]
    found = ablations(group_rows([plain, *helped]))
    weights = [ablation.aux_weights for ablation in found]
    assert sorted(weights) == [[0.0, 0.01], [0.0, 0.01, 0.02]]


def test_a_weight_that_falls_to_zero_is_not_without_the_cost():
    plain = made_up_record()
    helped = made_up_record("Z-Forcing + aux", aux_weight=0.02)
    falling = at_pace(made_up_record("Z-Forcing + aux", seed=1), start="0.01")
    falling["run_id"] = "timit_falling-seed1-00000000"
    assert ablations(group_rows([falling, helped])) == []
    found = ablations(group_rows([plain, falling, helped]))
    assert sorted(ablation.aux_weights for ablation in found) == [[0.0, 0.01], [0.0, 0.02]]
    assert all(ablation.rows[0.0, CONSTANT].label == "Z-Forcing" for ablation in found)


def test_the_control_has_the_backward_network_trained_alike():
    """A VRNN without any, one that trains it without the cost, and one with the cost; see gin/sweeps/ablation.gin."""
    network = "Objective.backward_weight = @reconstruction/Constant()\nreconstruction/Constant.value = 1.0\n"
    network += "VRNN.auxiliary = @Auxiliary()\n"
    without = made_up_record("VRNN", model="VRNN")
    trained = made_up_record("VRNN", model="VRNN", backward_weight=1.0)
    helped = made_up_record("VRNN + aux", model="VRNN", backward_weight=1.0, aux_weight=0.01)
    trained, helped = (record | {"config": record["config"] + network} for record in (trained, helped))
    trained["run_id"] = "timit_vrnn-seed1-00000000"
    for records in ([without, trained, helped], [trained, without, helped]):
        rows = group_rows(records)
        (ablation,) = ablations(rows)
        assert ablation.rows[0.0, CONSTANT].records == (trained,)
        helped_row = next(row for row in rows if row.has_auxiliary_cost)
        assert plain_row(helped_row, rows).records == (trained,)
    (ablation,) = ablations(group_rows([without, helped]))
    assert ablation.rows[0.0, CONSTANT].records == (without,)


def test_weights_in_words():
    assert [describe_ends(ends) for ends in (CONSTANT, ANNEALED)] == ["1", "0.2 to 1"]
