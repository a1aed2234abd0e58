"""What figures of records show: every seed, means and paired statistics, bounds and exact likelihoods apart."""

import math

import numpy as np
import pytest
from made_up_records import ANNEALED, CONSTANT, made_up_ablation, made_up_record, made_up_speech
from scipy.stats import ttest_1samp

from benchmark.ablation import ablations
from benchmark.figures.active_units import active_units_figure
from benchmark.figures.auxiliary import auxiliary_figure
from benchmark.figures.effects import effects_figure
from benchmark.figures.heat_map import decimals, heat_map_cells, heat_map_figure, rounded
from benchmark.figures.style import MEAN_LINE, MOST_ROWS, SEED_LINE, looks
from benchmark.figures.training import better_half, training_figure, validation_curves
from benchmark.rows import group_rows
from benchmark.statistics import Interval

SEEDS = (1, 2, 3)
MODELS = ("ZForcing", "SRNN", "VRNN", "STORN")
ELBO, KL = "elbo_nats_per_seq", "kl_nats_per_seq"
EFFECTS = (ELBO, KL, "active_units", "mutual_information_nats")


def of_width(axes, style):
    return [line for line in axes.lines if line.get_linewidth() == style["linewidth"] and len(line.get_xdata())]


def outcome(record, metric):
    return record["results"]["test"]["utterance"][metric]


def legend_of(figure):
    """Labels of the legends of a figure and its parts, in their order."""
    return [
        text.get_text() for part in (figure, *figure.subfigs) for legend in part.legends for text in legend.get_texts()
    ]


def note_of(figure):
    return figure.get_suptitle().replace("\n", " ")


def whole_numbers(axis):
    return all(value == round(value) for value in axis.get_majorticklocs())


def test_every_seed_of_every_row_is_drawn_over_training():
    rows = group_rows(made_up_speech(seeds=SEEDS, points=4))
    figure = training_figure(rows, "title")
    bound, _, kl, active = figure.axes
    assert len(of_width(bound, SEED_LINE)) == 3 * len(rows)
    assert len(of_width(bound, MEAN_LINE)) == len(rows)
    assert len(of_width(kl, SEED_LINE)) == len(of_width(active, SEED_LINE)) == 3 * (len(rows) - 2)
    assert len(legend_of(figure)) == len(rows)


def test_the_mean_over_training_is_that_of_the_seeds():
    records = [made_up_record(seed=seed, points=3) for seed in SEEDS]
    del records[0]["training"]["validation"][-1]  # stopped early: what follows is no mean of all
    (line,) = of_width(training_figure(group_rows(records), "title").axes[0], MEAN_LINE)
    expected = [np.mean([record["training"]["validation"][point][ELBO] for record in records]) for point in (1, 2)]
    np.testing.assert_allclose(line.get_ydata(), expected)
    np.testing.assert_array_equal(line.get_xdata(), [96, 192])


def test_exact_likelihoods_are_dashed_and_named():
    exact, bound = made_up_record("LSTM", model="LSTM", points=2), made_up_record(points=2)
    mixed = training_figure(group_rows([exact, bound]), "title").axes[0]
    assert {line.get_linestyle() for line in of_width(mixed, MEAN_LINE)} == {"-", "--"}
    assert mixed.get_title() == "ELBO, a lower bound (dashed: exact log-likelihood)"
    alone = [training_figure(group_rows([record]), "title").axes[0].get_title() for record in (exact, bound)]
    assert alone == ["exact log-likelihood", "ELBO, a lower bound"]


def test_the_close_up_shows_the_better_half():
    rows = group_rows(made_up_speech(seeds=(1,), points=6))
    data = validation_curves(rows)
    better = better_half(data)
    assert "RNN-Gauss" not in better
    assert len(better) == 6
    low, high = training_figure(rows, "title").axes[1].get_ylim()
    last = data[data["update"] == data["update"].max()].set_index("row")["bound"]
    assert all(low < last[label] < high for label in better)
    assert last["RNN-Gauss"] < low


def test_a_single_run_with_a_single_validation():
    record = made_up_record(points=1)
    record["training"]["validation"][1]["update"] = 1
    figure = training_figure(group_rows([record]), "title")
    assert len(of_width(figure.axes[0], SEED_LINE)) == 1
    assert all(whole_numbers(axes.xaxis) for axes in figure.axes)
    assert whole_numbers(figure.axes[-1].yaxis)


def test_many_rows_have_panels_by_model():
    """None of more than MOST_ROWS, and every row in one of them."""
    many = [made_up_record(f"VRNN {number}", 1, "VRNN", points=2) for number in range(MOST_ROWS + 1)]
    not_validated = made_up_record("RNN", model="LSTM", gain=-3, points=1)
    del not_validated["training"]["validation"][1:]
    rows = group_rows([*made_up_ablation(seeds=(1,), models=MODELS, points=2), *many, not_validated])
    for figure, shown in (
        (training_figure(rows, "title"), rows),
        (active_units_figure(rows, "title"), [row for row in rows if row.model != "LSTM"]),
    ):
        labels = [[text.get_text() for text in part.legends[0].get_texts()] for part in figure.subfigs]
        assert max(map(len, labels)) <= MOST_ROWS
        assert sorted(label for of_part in labels for label in of_part) == sorted(
            f"{row.label}, n = 1" for row in shown
        )
    model_of = {f"{row.label}, n = 1": row.model for row in rows}
    assert all(len({model_of[label] for label in of_part}) == 1 for of_part in labels)


def test_the_close_up_draws_the_better_half_alone():
    rows = group_rows(made_up_speech(seeds=(1,), points=6))
    whole, closer, *_ = training_figure(rows, "title").axes
    assert len(of_width(whole, MEAN_LINE)) == 11
    assert {line.get_label() for line in of_width(closer, MEAN_LINE)} == better_half(validation_curves(rows))


def test_a_row_that_diverged_is_not_among_the_better_half():
    rows = group_rows(made_up_speech(seeds=(1,), points=6))
    (best, *_) = sorted(rows, key=lambda row: -max(row.bound_values("utterance").values()))
    assert best.label in better_half(validation_curves(rows))
    best.records[0]["training"]["validation"][-1] |= {ELBO: np.nan, "log_likelihood_nats_per_seq": np.nan}
    assert best.label not in better_half(validation_curves(rows))


def test_without_a_seed_there_is_no_mean_of_the_others():
    records = [made_up_record(seed=seed, points=3) for seed in SEEDS]
    for point in records[0]["training"]["validation"]:
        point[ELBO] = np.nan
    bound, _, kl, _ = training_figure(group_rows(records), "title").axes
    assert not of_width(bound, MEAN_LINE)
    assert len(of_width(kl, MEAN_LINE)) == 1


@pytest.mark.parametrize("value", [-np.inf, np.nan])
def test_a_run_that_diverged_is_drawn_as_far_as_it_went(value):
    records = [made_up_record(seed=seed, points=3) for seed in SEEDS]
    for point in records[0]["training"]["validation"][2:]:
        point[ELBO] = value
    bound, close_up, *_ = training_figure(group_rows(records), "title").axes
    assert np.isfinite(close_up.get_ylim()).all()
    assert [len(line.get_xdata()) for line in of_width(bound, SEED_LINE)] == [1, 3, 3]
    for record in records:
        for point in record["training"]["validation"]:
            point[ELBO] = value
    training_figure(group_rows(records), "title")


def test_many_rows_are_told_apart():
    assert len({(look.color, look.marker) for look in looks([False] * 70)}) == 70


def test_training_with_and_without_the_auxiliary_cost():
    rows = group_rows(made_up_ablation(seeds=SEEDS, models=("ZForcing", "SRNN"), points=3))
    figure = auxiliary_figure(rows, "title")
    panels = figure.axes
    assert len(panels) == 3 * 4
    assert all(len(of_width(axes, SEED_LINE)) == 3 * 3 for axes in panels)
    assert panels[0].get_title().startswith("SRNN, KL weight 1\n")
    assert legend_of(figure) == [f"auxiliary weight {weight}" for weight in ("0", "0.0025", "0.01")]
    assert auxiliary_figure(group_rows([made_up_record()]), "title") is None


@pytest.mark.parametrize("metric", [ELBO, KL])
def test_the_heat_map_shows_means(metric):
    records = made_up_ablation(seeds=SEEDS, models=("ZForcing",))
    rows = group_rows(records)
    (ablation,) = ablations(rows)
    means, texts = heat_map_cells(ablation, "utterance", metric)
    for row, kl_weight in enumerate((CONSTANT, ANNEALED)):
        for column, weight in enumerate((0.0, 0.0025, 0.01)):
            values = [
                outcome(record, metric)
                for record in records
                if (record["weights"]["last"]["aux_weight"], record["weights"]["first"]["kl_weight"])
                == (weight, kl_weight[0])
            ]
            low, high = ttest_1samp(values, 0).confidence_interval()
            assert means.iloc[row, column] == pytest.approx(np.mean(values))
            *shown, count = texts.iloc[row, column].replace("± ", "").replace(",", "").split("\n")
            assert [float(text) for text in shown] == pytest.approx([np.mean(values), (high - low) / 2], abs=0.5)
            assert count == "n = 3"
    axes = heat_map_figure(rows, "title").axes[0 if metric == ELBO else 1]
    np.testing.assert_allclose(np.asarray(axes.collections[0].get_array()).ravel(), means.to_numpy().ravel())
    assert [text.get_text() for text in axes.texts] == texts.to_numpy().ravel().tolist()


@pytest.mark.parametrize(
    ("intervals", "places"),
    [
        ([(-102.696, 1.136), (-106.3, 43.5)], 1),
        ([(12345.6, 1270.1), (702.96, 97.2)], 0),
        ([(0.00316, 0.00021)], 5),
        ([(814.25, None), (2.5, None)], 1),
        ([(0.3, 0.0), (0.4, 1e-17)], 4),
        ([(814.2, 3e-13)], 1),
        ([(math.inf, None)], 0),
        ([(math.nan, math.nan), (5.4, 0.6)], 2),
        ([(0.0, 0.0)], 0),
    ],
)
def test_the_cells_of_a_panel_have_the_digits_of_the_smallest_uncertainty(intervals, places):
    assert decimals([Interval(*interval) for interval in intervals]) == places


def test_numbers_in_cells():
    assert [rounded(value, 1) for value in (-0.04, 1234.56, -math.inf)] == ["0.0", "1,234.6", "-inf"]
    assert rounded(-0.4, 0) == "0"


def test_a_cell_without_a_run_is_empty():
    records = made_up_ablation(seeds=(1,), models=("ZForcing",))[:-1]
    (ablation,) = ablations(group_rows(records))
    means, texts = heat_map_cells(ablation, "utterance", ELBO)
    assert means.isna().to_numpy().tolist() == [[False, False, False], [False, False, True]]
    assert texts.iloc[1, 2] == ""
    assert texts.iloc[0, 0].endswith("n = 1")
    records[0]["results"]["test"]["utterance"][ELBO] = np.inf
    texts = [text.get_text() for text in heat_map_figure(group_rows(records), "title").axes[0].texts]
    assert "inf\n1 of 1 not finite" in texts
    assert len(texts) == 5
    assert heat_map_figure(group_rows(records[:1]), "title") is None


def test_models_are_below_each_other():
    figure = heat_map_figure(group_rows(made_up_ablation(seeds=(1,), weights=(0.0, 0.1, 0.2, 0.3))), "title")
    assert figure.get_figwidth() <= 13.5
    assert len({axes.get_position().y0 for axes in figure.axes if axes.get_title()}) == 3
    wide = heat_map_figure(group_rows(made_up_ablation(seeds=(1,), weights=[0.1 * n for n in range(8)])), "title")
    assert wide.get_figwidth() <= 13.5
    assert len({axes.get_position().y0 for axes in wide.axes if axes.get_title()}) == 6


@pytest.mark.parametrize("draw", [auxiliary_figure, effects_figure, heat_map_figure])
def test_weights_that_training_did_not_reach_are_pointed_out(draw):
    records = made_up_ablation(seeds=SEEDS, models=("ZForcing",))
    caveat = "before some of the weights got"
    assert caveat not in " ".join(draw(group_rows(records), "title").get_suptitle().split())
    for record in records:
        record["weights"] = record["weights"] | {"trained": record["weights"]["last"]}
    assert caveat not in " ".join(draw(group_rows(records), "title").get_suptitle().split())
    records[-1]["weights"]["trained"] = records[-1]["weights"]["last"] | {"kl_weight": 0.7}
    assert caveat in " ".join(draw(group_rows(records), "title").get_suptitle().split())


def test_effects_are_the_paired_statistics():
    records = [made_up_record(seed=seed) for seed in SEEDS]
    records += [made_up_record("Z-Forcing + aux", seed, aux_weight=0.0025) for seed in SEEDS]
    figure = effects_figure(group_rows(records), "title")
    for axes, metric in zip(figure.axes, EFFECTS, strict=True):
        differences = [outcome(records[3 + n], metric) - outcome(records[n], metric) for n in range(3)]
        dots = next(line for line in axes.lines if line.get_marker() == "o" and len(line.get_xdata()) == 3)
        np.testing.assert_allclose(dots.get_xdata(), differences)
        (bar,) = axes.containers
        low, high = ttest_1samp(differences, 0).confidence_interval()
        assert bar.lines[0].get_xdata().astype(float) == pytest.approx([np.mean(differences)])
        np.testing.assert_allclose(bar.lines[2][0].get_segments()[0][:, 0], [low, high])
        assert (bar.lines[0].get_markerfacecolor() == "white") == (low <= 0 <= high)
        assert any(list(line.get_xdata()) == [0, 0] for line in axes.lines), "no line at zero"


def names_beside(figure):
    return [text.get_text() for text in figure.axes[0].get_yticklabels()]


def test_effects_say_weight_and_seeds():
    figure = effects_figure(group_rows(made_up_ablation(seeds=SEEDS, models=("ZForcing",))), "title")
    of_place = ["0.0025, n = 3", "0.01, n = 3"]
    assert names_beside(figure) == ["Z-Forcing, KL weight 1", *of_place, "Z-Forcing, KL weight 0.2 to 1", *of_place]


def test_an_effect_without_a_mean_says_why():
    records = [made_up_record(seed=seed) for seed in SEEDS]
    records += [made_up_record("Z-Forcing + aux", seed, aux_weight=0.0025) for seed in SEEDS]
    records[-1]["results"]["test"]["utterance"][ELBO] = np.nan
    figure = effects_figure(group_rows(records), "title")
    assert names_beside(figure)[1] == "0.0025, 1 of 3 not finite / n = 3"
    bound, kl, *_ = figure.axes
    assert not bound.containers
    assert [len(line.get_xdata()) for line in bound.lines if line.get_marker() == "o"] == [2]
    assert len(kl.containers) == 1


def test_an_effect_that_one_metric_lacks_keeps_its_height_in_all_panels():
    records = made_up_ablation(seeds=SEEDS, models=("ZForcing",))
    for record in records:
        if record["weights"]["last"]["aux_weight"] == 0.0025:
            del record["results"]["test"]["utterance"][KL]
    figure = effects_figure(group_rows(records), "title")
    bound, kl, *_ = ([bar.lines[0].get_ydata()[0] for bar in axes.containers] for axes in figure.axes)
    assert bound == pytest.approx([1.12, 2.12, 4.12, 5.12])
    assert kl == pytest.approx([2.12, 5.12])


def test_a_change_that_no_record_knows_of_has_no_panel():
    records = made_up_ablation(seeds=SEEDS, models=("ZForcing",))
    assert len(effects_figure(group_rows(records), "title").axes) == 4
    for record in records:
        del record["results"]["test"]["utterance"]["mutual_information_nats"]
    titles = [axes.get_title() for axes in effects_figure(group_rows(records), "title").axes]
    assert titles == ["change of ELBO, a lower bound", "change of KL", "change of active units"]


def test_effects_of_one_weight_in_two_configurations_stand_apart():
    records = []
    for rate in ("0.001", "0.01"):
        for weight in (0.0, 0.0025):
            record = made_up_record(f"Z-Forcing{' + aux' * bool(weight)}", aux_weight=weight)
            record["config"] = record["config"].replace("learning_rate = 0.001", f"learning_rate = {rate}")
            record["run_id"] += rate
            records.append(record)
    first, second = ([f"Z-Forcing, learning rate {rate}, KL weight 1", "0.0025, n = 1"] for rate in ("0.001", "0.01"))
    assert names_beside(effects_figure(group_rows(records), "title")) == first + second


def test_effects_of_one_weight_in_one_configuration_are_named_by_their_rows():
    labels = ["Z-Forcing + aux", "Z-Forcing + kla, aux"]
    records = [made_up_record(), *(made_up_record(label, aux_weight=0.0025) for label in labels)]
    place, *names = names_beside(effects_figure(group_rows(records), "title"))
    assert place == "Z-Forcing, KL weight 1"
    assert names == [f"{label}, n = 1" for label in labels]


def test_one_seed_has_an_effect_without_an_interval():
    records = [made_up_record(), made_up_record("Z-Forcing + aux", aux_weight=0.0025)]
    (bar,) = effects_figure(group_rows(records), "title").axes[0].containers
    assert bar.lines[2] == ()
    assert bar.lines[0].get_markerfacecolor() == "white"


def test_likelihood_against_active_units():
    records = made_up_speech(seeds=SEEDS)
    rows = group_rows(records)
    figure = active_units_figure(rows, "title")
    (axes,) = figure.axes
    points = {
        tuple(point)
        for collection in axes.collections
        if len(collection.get_offsets()) == 3
        for point in np.asarray(collection.get_offsets())
    }
    latent = [record for record in records if record["model"] != "LSTM"]
    assert points == {(outcome(record, "active_units"), outcome(record, ELBO)) for record in latent}
    assert axes.get_xlabel() == "active units of 64"
    far, near = (
        [outcome(record, "log_likelihood_nats_per_seq") for record in records if record["label"] == label]
        for label in ("RNN-Gauss", "RNN-GMM")
    )
    assert note_of(figure).endswith(f"not in the picture, exact log-likelihood: RNN-Gauss {np.mean(far):,.1f}")
    assert sorted(line.get_ydata()[0] for line in of_width(axes, SEED_LINE)) == pytest.approx(sorted(near))
    (mean,) = of_width(axes, MEAN_LINE)
    assert mean.get_ydata()[0] == pytest.approx(np.mean(near))
    labels = legend_of(figure)
    assert len(labels) == len(rows) - 1
    assert "RNN-Gauss, n = 3" not in labels
    assert active_units_figure(group_rows(records[:3]), "title") is None


def test_a_row_that_diverged_has_no_mean_beside_its_likelihood():
    records = [made_up_record(seed=seed) for seed in SEEDS]
    records[0]["results"]["test"]["utterance"][ELBO] = np.inf
    figure = active_units_figure(group_rows(records), "title")
    assert legend_of(figure) == ["Z-Forcing, 1 of 3 not finite"]


def test_a_long_note_is_in_lines():
    rows = [made_up_record("Z-Forcing", seed) for seed in SEEDS]
    rows += [made_up_record(f"RNN with a rather long name {number}", model="LSTM", gain=-0.5) for number in range(9)]
    figure = active_units_figure(group_rows(rows), "title")
    lines = figure.get_suptitle().splitlines()
    assert sum(line.count("RNN") for line in lines) == 9
    assert max(map(len, lines)) <= 130
