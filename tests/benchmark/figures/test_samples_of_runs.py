"""Originals beside what runs generated, from files as runs write them."""

import numpy as np
import pytest
import soundfile
from made_up_records import made_up_record

from benchmark.data.midi import write_midi
from benchmark.errors import UserError
from benchmark.figures.media import color_of, write_pixels
from benchmark.figures.samples import samples_figure
from benchmark.figures.sequence_files import run_folders
from benchmark.figures.style import save_figure
from benchmark.rows import group_rows

GENERATOR = np.random.default_rng(0)
TEXT = "original 0\nstocks <unk> rose $ N\n\noriginal 1\nbonds $ fell\n\ngenerated 0\n{}\n\ngenerated 1\n\n"


def write_speech(folder):
    for kind in ("original", "generated"):
        soundfile.write(folder / f"{kind}_0.wav", GENERATOR.integers(-99, 99, 800).astype(np.int16), 16000)


def write_digits(folder):
    for kind in ("original", "generated"):
        write_pixels(folder / f"{kind}.png", GENERATOR.random((3, 28, 28)).astype(np.float32))


def write_music(folder):
    for kind in ("original", "generated"):
        roll_TD = np.zeros((6, 88), bool)
        roll_TD[1:4, 40] = kind == "original"
        write_midi(folder / f"{kind}_0.mid", roll_TD, 21, 0.25)


def write_text(folder):
    (folder / "samples.txt").write_text(TEXT.format("the market is said to be said to be " * 40))


FORMS = {"timit": write_speech, "seqmnist": write_digits, "music_jsb": write_music, "ptb": write_text}


def runs(out, data, write, labels=("Z-Forcing", "Z-Forcing + aux"), seeds=(1, 2)):
    records = [made_up_record(label, seed, data=data, points=1) for label in labels for seed in seeds]
    for record in records:
        folder = out / "runs" / record["run_id"] / "samples"
        folder.mkdir(parents=True)
        write(folder)
    return records


def test_what_a_row_named_after_an_original_generates_is_drawn_as_generated(tmp_path):
    rows = group_rows(runs(tmp_path, "timit", write_speech, ("the original Z-Forcing",), (1,)))
    original, _, generated, _ = samples_figure(tmp_path, rows, "title").axes
    assert original.lines[0].get_color() == color_of("original")
    assert generated.lines[0].get_color() == color_of("generated") != color_of("original")


@pytest.mark.parametrize("data", FORMS)
def test_originals_are_above_what_each_row_generates(data, tmp_path):
    rows = group_rows(runs(tmp_path, data, FORMS[data]))
    figure = samples_figure(tmp_path, rows, "title")
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert [title for title in titles if title] == ["original", "Z-Forcing, seed 1", "Z-Forcing + aux, seed 1"]


def test_the_waveform_is_that_of_the_file(tmp_path):
    (record,) = runs(tmp_path, "timit", write_speech, ("Z-Forcing",), (1,))
    figure = samples_figure(tmp_path, group_rows([record]), "title")
    expected, _ = soundfile.read(tmp_path / "runs" / record["run_id"] / "samples/generated_0.wav", dtype="int16")
    np.testing.assert_array_equal(figure.axes[2].lines[0].get_ydata(), expected)
    assert figure.axes[2].lines[0].get_xdata()[-1] == pytest.approx(799 / 16000)


def test_notes_have_their_pitch_and_time(tmp_path):
    rows = group_rows(runs(tmp_path, "music_jsb", write_music, ("Z-Forcing",), (1,)))
    original, generated = samples_figure(tmp_path, rows, "title").axes
    (note,) = original.patches
    assert note.get_y() + note.get_height() / 2 == pytest.approx(61)
    assert (note.get_x(), note.get_width()) == pytest.approx((0.25, 0.75))
    assert not generated.patches


def test_text_is_shown_as_it_is(tmp_path):
    """Dollar signs are no formulas, and long passages end in an ellipsis."""
    rows = group_rows(runs(tmp_path, "ptb", write_text, ("Z-Forcing",), (1,)))
    figure = samples_figure(tmp_path, rows, "title")
    original, generated = ([text.get_text() for text in axes.texts] for axes in figure.axes)
    assert original == ["stocks <unk> rose $ N", "bonds $ fell"]
    assert generated[0].endswith(" …")
    assert generated[1] == "(nothing)"
    save_figure(figure, tmp_path / "samples.png")
    assert not any(text.get_parse_math() for axes in figure.axes for text in axes.texts)


def test_the_first_run_that_left_samples_is_shown(tmp_path):
    records = runs(tmp_path, "ptb", write_text, ("Z-Forcing",))
    (tmp_path / "runs" / records[0]["run_id"] / "samples").rename(tmp_path / "elsewhere")
    assert list(run_folders(tmp_path, group_rows(records), "samples")) == ["Z-Forcing, seed 2"]


def test_without_runs_there_is_no_figure(tmp_path):
    assert samples_figure(tmp_path, group_rows([made_up_record()]), "title") is None


@pytest.mark.parametrize(
    ("data", "name"), [("timit", "generated_0.wav"), ("music_jsb", "generated_0.mid"), ("seqmnist", "generated.png")]
)
def test_a_damaged_file_is_named(data, name, tmp_path):
    (record,) = runs(tmp_path, data, FORMS[data], ("Z-Forcing",), (1,))
    (tmp_path / "runs" / record["run_id"] / "samples" / name).write_bytes(b"nothing of the kind")
    with pytest.raises(UserError, match=f"{name}: cannot be read"):
        samples_figure(tmp_path, group_rows([record]), "title")
