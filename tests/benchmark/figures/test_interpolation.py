"""What lies between two sequences, from files as `benchmark.interpolate` leaves them."""

import json

import numpy as np
import pytest
import soundfile
from made_up_records import made_up_record, write_records

from benchmark.data.midi import write_midi
from benchmark.errors import UserError
from benchmark.figures.interpolation import COLUMNS, PAIRS, interpolation_figure
from benchmark.figures.media import color_of, write_pixels
from benchmark.plots import main
from benchmark.rows import group_rows

GENERATOR = np.random.default_rng(0)
WEIGHTS = ("0", "0.5", "1")


def stems(weights, pairs):
    for first in range(0, 2 * pairs, 2):
        names = [f"original_{first}", *(f"weight_{weight}" for weight in weights), f"original_{first + 1}"]
        yield from (f"{first}-{first + 1}_{place:02}_{name}" for place, name in enumerate(names))


def write_speech(folder, stems):
    for stem in stems:
        soundfile.write(folder / f"{stem}.wav", GENERATOR.integers(-99, 99, 800).astype(np.int16), 16000)
    write_pixels(folder / "0-1.png", GENERATOR.random((1, 9, 9)).astype(np.float32))


def write_digits(folder, stems):
    for name in (*stems, "images"):
        write_pixels(folder / f"{name}.png", GENERATOR.random((1, 28, 28)).astype(np.float32))


def write_music(folder, stems):
    for stem in stems:
        write_midi(folder / f"{stem}.mid", GENERATOR.random((6, 88)) < 0.1, 21, 0.25)


def write_text(folder, stems):
    (folder / "sentences.json").write_text(json.dumps({stem: f"$ {stem} is said" for stem in stems}))


FORMS = {"timit": write_speech, "seqmnist": write_digits, "music_jsb": write_music, "ptb": write_text}


def runs(out, data, labels=("Z-Forcing", "VRNN"), weights=WEIGHTS, pairs=1):
    records = [made_up_record(label, seed, data=data, points=1) for label in labels for seed in (1, 2)]
    for record in records:
        folder = out / "runs" / record["run_id"] / "interpolation"
        folder.mkdir(parents=True)
        FORMS[data](folder, stems(weights, pairs))
    return records


def names_in(figure):
    """Of the sequences, row by row."""
    return [[axes.get_title() for axes in part.axes if axes.get_title()] for part in figure.subfigs]


@pytest.mark.parametrize("data", ["timit", "seqmnist", "music_jsb"])
def test_a_row_goes_from_one_original_to_the_other(data, tmp_path):
    figure = interpolation_figure(tmp_path, group_rows(runs(tmp_path, data)), "title")
    labels = [part.get_suptitle() for part in figure.subfigs]
    assert labels == [f"{label}, seed 1: test sequences 0 and 1" for label in ("VRNN", "Z-Forcing")]
    assert names_in(figure) == 2 * [["original 0", "weight 0", "weight 0.5", "weight 1", "original 1"]]
    colors = [axes.title.get_color() for axes in figure.subfigs[0].axes]
    assert colors == [color_of("original"), *3 * [color_of("generated")], color_of("original")]


def test_images_are_those_of_the_files(tmp_path):
    records = runs(tmp_path, "seqmnist", ("Z-Forcing",))
    shown = interpolation_figure(tmp_path, group_rows(records), "title").subfigs[0].axes[2].images[0].get_array()
    image = np.eye(28, dtype=np.float32)
    write_pixels(tmp_path / "runs" / records[0]["run_id"] / "interpolation/0-1_02_weight_0.5.png", image[None])
    again = interpolation_figure(tmp_path, group_rows(records), "title").subfigs[0].axes[2].images[0].get_array()
    np.testing.assert_array_equal(again, image)
    assert not np.array_equal(shown, image)


def test_sentences_stand_beside_their_weights(tmp_path):
    figure = interpolation_figure(tmp_path, group_rows(runs(tmp_path, "ptb", ("Z-Forcing",), pairs=2)), "title")
    assert [axes.get_title(loc="left")[-7:] for axes in figure.axes] == ["0 and 1", "2 and 3"]
    texts = [text.get_text() for text in figure.axes[1].texts]
    assert texts[:4] == ["original 2", "$ 2-3_00_original_2 is said", "weight 0", "$ 2-3_01_weight_0 is said"]


def test_many_weights_and_pairs_are_thinned(tmp_path):
    weights = [f"{weight:.3g}" for weight in np.linspace(0, 1, 21)]
    rows = group_rows(runs(tmp_path, "seqmnist", ("Z-Forcing",), weights, PAIRS + 1))
    first, _ = names_in(interpolation_figure(tmp_path, rows, "title"))
    assert len(first) == COLUMNS
    assert first[:: COLUMNS - 1] == ["original 0", "original 1"]


def test_runs_of_other_weights_are_in_one_figure(tmp_path):
    few, many = (runs(tmp_path, "seqmnist", (label,), weights)[0] for label, weights in (("A", "01"), ("B", WEIGHTS)))
    names = names_in(interpolation_figure(tmp_path, group_rows([few, many]), "title"))
    assert list(map(len, names)) == [4, 5]


def test_plots_draw_interpolations(tmp_path):
    records = runs(tmp_path, "ptb", ("Z-Forcing",))
    main(["--out", str(write_records(tmp_path, records))])
    drawn = tmp_path / "figures/ptb_sample_interpolation.png"
    before = drawn.read_bytes()
    main(["--out", str(tmp_path)])
    assert drawn.read_bytes() == before


def test_without_an_interpolation_there_is_no_figure(tmp_path):
    record = made_up_record()
    assert interpolation_figure(tmp_path, group_rows([record]), "title") is None
    (tmp_path / "runs" / record["run_id"] / "interpolation").mkdir(parents=True)
    assert interpolation_figure(tmp_path, group_rows([record]), "title") is None


@pytest.mark.parametrize(
    ("data", "name"),
    [("timit", "0-1_01_weight_0.wav"), ("seqmnist", "0-1_00_original_0.png"), ("ptb", "sentences.json")],
)
def test_a_damaged_file_is_named(data, name, tmp_path):
    records = runs(tmp_path, data, ("Z-Forcing",))
    (tmp_path / "runs" / records[0]["run_id"] / "interpolation" / name).write_bytes(b"nothing of the kind")
    with pytest.raises(UserError, match=f"{name}: cannot be read"):
        interpolation_figure(tmp_path, group_rows(records), "title")
