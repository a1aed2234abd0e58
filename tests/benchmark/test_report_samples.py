"""What runs left to look at and listen to, in the page of all results."""

import base64
import io
import json
import re

import numpy as np
import pytest
from made_up_records import made_up_record, write_records
from PIL import Image
from results_folder import write_picture, write_results, write_sound

from benchmark.errors import UserError
from benchmark.report import main
from benchmark.report.media import MOST_CHARACTERS, Media
from benchmark.report.samples import collect_samples
from benchmark.rows import group_rows
from benchmark.sample_folder import FREELY, GENERATED, INTERPOLATED, note_files

TIMIT, PTB = "timit_sample", "ptb_full"


def folder_of(out, record, name="samples"):
    folder = out / "runs" / record["run_id"] / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def collected(out, records, media=None, drawn=()):
    """The samples of the one section of these records."""
    rows = group_rows(records)
    section = f"{rows[0].dataset}_{rows[0].source}"
    return collect_samples(out, {section: rows}, set(drawn), media or Media(out))[section]


def titles(group):
    return [sample.title for part in group.parts for sample in part.samples]


def test_what_does_not_fit_is_named(tmp_path):
    write_results(tmp_path)
    media = Media(tmp_path, most_bytes=100_000)
    paths = sorted((tmp_path / "runs").glob("*/samples/*.wav"))
    embedded = [media.sound(path) for path in paths]
    assert media.used == sum(len(uri) for uri in embedded if uri) <= 100_000
    left_out = [path.relative_to(tmp_path).as_posix() for path, uri in zip(paths, embedded, strict=True) if not uri]
    assert media.left_out == left_out != []


def test_a_long_text_is_cut_and_named(tmp_path):
    path = tmp_path / "samples.txt"
    path.write_text("word " * MOST_CHARACTERS)
    media = Media(tmp_path)
    assert len(media.text(path)) == MOST_CHARACTERS + 2
    assert media.shortened == ["samples.txt"]


@pytest.mark.parametrize(("width", "of_figure", "of_pixels"), [(2400, 1600, 1600), (1000, 1000, 1000), (56, 56, 1568)])
def test_pixels_become_squares_and_figures_do_not(tmp_path, width, of_figure, of_pixels):
    path = tmp_path / "a.png"
    write_picture(path, width)
    media = Media(tmp_path)
    for uri, shown_width in ((media.picture(path), of_figure), (media.pixels(path), of_pixels)):
        with Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))) as picture:
            assert picture.width == shown_width
            assert picture.height == pytest.approx(40 * shown_width / width, abs=1)


def test_only_files_of_pixels_are_enlarged(tmp_path):
    record = made_up_record(data="seqmnist")
    for name in ("original.png", "generated.png", "images.png"):
        write_picture(folder_of(tmp_path, record) / name, 100 + len(name))
    widths = {}
    for group in collected(tmp_path, [record]):
        for sample in group.parts[0].samples:
            content = base64.b64decode(sample.content.partition(",")[2])
            widths[sample.name] = Image.open(io.BytesIO(content)).width
    assert widths == {"original.png": 14 * 112, "generated.png": 14 * 113, "images.png": 110}


@pytest.mark.parametrize("content", [b"", b"no picture", "half"])
def test_a_damaged_picture_is_left_out_and_named(tmp_path, content):
    write_picture(tmp_path / "a.png")
    whole = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(whole[: len(whole) // 2] if content == "half" else content)
    media = Media(tmp_path)
    assert media.picture(tmp_path / "a.png") is None
    assert media.pixels(tmp_path / "a.png") is None
    assert media.left_out == ["a.png", "a.png"]


def test_other_damaged_files_are_left_out_and_named(tmp_path):
    (tmp_path / "a.wav").write_bytes(b"RIFF, or not")
    media = Media(tmp_path)
    assert media.sound(tmp_path / "a.wav") is None
    for content in (b"{", b"[]", b"\xff"):
        (tmp_path / "sentences.json").write_bytes(content)
        assert media.sentences(tmp_path / "sentences.json") is None
    assert media.left_out == ["a.wav", *["sentences.json"] * 3]


def test_a_page_with_damaged_samples_is_written(tmp_path):
    records = write_results(tmp_path)
    for path in [*(tmp_path / "runs").rglob("*.png"), *(tmp_path / "runs").rglob("*.wav")]:
        path.write_bytes(path.read_bytes()[:40])
    (folder_of(tmp_path, records[-1], "interpolation") / "sentences.json").write_text("{")
    main(["--out", str(tmp_path)])
    text = (tmp_path / "report.html").read_text()
    assert text.count('<p class="note">2 samples left out</p>') == 3
    assert text.count('<p class="note">1 sample left out</p>') == 2


def test_room_is_given_in_rounds(tmp_path):
    """Every row has one sound before any has two, and a picture before a second sound, the last row too."""
    records = [made_up_record(label, 1) for label in ("Z-Forcing", "Z-Forcing + aux", "VRNN")]
    for record in records:
        folder = folder_of(tmp_path, record)
        random = np.random.default_rng(len(record["run_id"]))
        for number in range(3):
            write_sound(folder / f"generated_{number}.wav", 0.1 + 0.01 * number)
        Image.fromarray(random.integers(0, 255, (30, 30, 3)).astype(np.uint8)).save(folder / "waveforms.png")
    everything = Media(tmp_path)
    collected(tmp_path, records, everything)
    sizes = [len(Media(tmp_path).sound(folder_of(tmp_path, records[0]) / f"generated_{n}.wav")) for n in range(3)]
    pictures = everything.used - 3 * sum(sizes)
    for room, kinds, left_out in (
        (3 * sizes[0], ["sound"], 3),
        (3 * sizes[0] + pictures, ["sound", "picture"], 2),
        (3 * sum(sizes[:2]) + pictures, ["sound", "sound", "picture"], 1),
        (everything.used, ["sound", "sound", "sound", "picture"], 0),
    ):
        groups = collected(tmp_path, records, Media(tmp_path, most_bytes=room))
        assert [[sample.kind for sample in group.parts[0].samples] for group in groups] == [kinds] * 3
        assert [group.parts[0].left_out for group in groups] == [left_out] * 3


def test_room_is_given_to_every_data_set(tmp_path):
    sections = {name: group_rows([made_up_record(data=name)]) for name in ("music_jsb", "timit")}
    for rows in sections.values():
        for number in range(2):
            write_sound(folder_of(tmp_path, rows[0].records[0]) / f"generated_{number}.wav", 0.1 + 0.1 * number)
    first = folder_of(tmp_path, sections["timit"][0].records[0]) / "generated_0.wav"
    media = Media(tmp_path, most_bytes=2 * len(Media(tmp_path).sound(first)))
    samples = collect_samples(tmp_path, sections, set(), media)
    assert [titles(*groups) for groups in samples.values()] == [["generated 0"]] * 2


def test_a_figure_of_the_folder_is_not_repeated(tmp_path):
    record = made_up_record()
    for name in ("samples", "generated"):
        write_picture(folder_of(tmp_path, record, name) / "waveforms.png", 90 + len(name))
        write_sound(folder_of(tmp_path, record, name) / "generated_0.wav", 0.1 + 0.01 * len(name))
    assert titles(*collected(tmp_path, [record])) == ["generated 0", "waveforms"] * 2
    assert titles(*collected(tmp_path, [record], drawn=[TIMIT])) == ["generated 0", "generated 0", "waveforms"]
    write_records(tmp_path, [record])
    (tmp_path / "figures").mkdir()
    for pictures in (2, 1 + 1):
        main(["--out", str(tmp_path)])
        assert (tmp_path / "report.html").read_text().count("<img") == pictures
        write_picture(tmp_path / f"figures/{TIMIT}_samples.png")


def test_a_row_shows_the_run_with_most_samples(tmp_path):
    records = [made_up_record(seed=seed) for seed in (1, 2)]
    for record, names in zip(records, (["samples"], ["samples", "interpolation"]), strict=True):
        for name in names:
            (folder_of(tmp_path, record, name) / "generated_0.txt").write_text(f"words of {name}")
    [group] = collected(tmp_path, records)
    assert group.record == records[1]
    assert titles(group) == ["generated 0", "generated 0"]


def test_every_folder_says_how_its_samples_were_made(tmp_path):
    record = made_up_record()
    for name in ("samples", "generated", "interpolation"):
        write_sound(folder_of(tmp_path, record, name) / "generated_0.wav", 0.1 + 0.01 * len(name))
    [group] = collected(tmp_path, [record])
    unknown = [f"{name}: how they were made is not noted" for name in ("generated", "interpolation")]
    assert [part.note for part in group.parts] == ["", *unknown]
    note_files(folder_of(tmp_path, record, "generated"), GENERATED, FREELY, [])
    note_files(folder_of(tmp_path, record, "interpolation"), INTERPOLATED, "between <b>", [])
    [group] = collected(tmp_path, [record])
    assert [part.note for part in group.parts] == ["", "", "interpolation: between <b>"]
    write_records(tmp_path, [record])
    main(["--out", str(tmp_path)])
    assert "interpolation: between &lt;b&gt;" in (tmp_path / "report.html").read_text()
    (folder_of(tmp_path, record, "generated") / GENERATED).write_text("[]")
    with pytest.raises(UserError, match=r"generated.json: cannot be read"):
        collected(tmp_path, [record])


def test_an_original_is_shown_once(tmp_path):
    """Whatever row and folder it is in; one of another length, as before a prefix, is another one."""
    records = [made_up_record(label) for label in ("Z-Forcing", "VRNN")]
    for row, record in enumerate(records):
        for name, original, generated in (
            ("samples", "original_0", "generated_0"),
            ("generated", "original_0", "generated_0"),
            ("interpolation", "0-1_00_original_0", "0-1_01_weight_0.5"),
        ):
            write_sound(folder_of(tmp_path, record, name) / f"{original}.wav", 0.5 + 0.1 * (name == "generated"))
            write_sound(folder_of(tmp_path, record, name) / f"{generated}.wav", 0.1 + 0.1 * row + 0.01 * len(name))
        write_sound(folder_of(tmp_path, record, "interpolation") / "0-1_02_original_1.wav", 0.3)
    groups = collected(tmp_path, records)
    assert titles(groups[0]) == ["original 0", "original 0, of generated", "test sequence 1"]
    between = "between test sequences 0 and 1, weight 0.5"
    assert [titles(group) for group in groups[1:]] == [["generated 0", "generated 0", between]] * 2


def test_what_was_generated_twice_is_shown_once(tmp_path):
    record = made_up_record()
    for name in ("samples", "generated"):
        write_sound(folder_of(tmp_path, record, name) / "generated_0.wav", 0.1)
    assert titles(*collected(tmp_path, [record])) == ["generated 0"]


def test_passages_are_taken_apart(tmp_path):
    records = [made_up_record(label, data="ptb", source="full") for label in ("Z-Forcing", "VRNN")]
    for record in records:
        texts = ["original 0\nthe <unk> rose\n", f"generated 0\nfirst\n\nof {record['label']}\n"]
        texts += ["generated 1\n\n", "generated 2\n\n"]
        (folder_of(tmp_path, record) / "samples.txt").write_text("\n".join(texts))
    data, *rows = collected(tmp_path, records)
    assert [(sample.title, sample.content) for sample in data.parts[0].samples] == [("original 0", "the <unk> rose")]
    assert len(rows) == 2
    for row in rows:
        passages = [(sample.title, sample.content) for sample in row.parts[0].samples]
        assert passages == [("generated 0", f"first\n\nof {row.label}"), ("generated 1", ""), ("generated 2", "")]


def test_sentences_between_two_are_a_table(tmp_path):
    record = made_up_record(data="ptb", source="full")
    (folder_of(tmp_path, record) / "samples.txt").write_text("original 0\nthe <unk> rose\n\ngenerated 0\nit fell\n")
    sentences = {"0-3_00_original_0": "the <unk> rose"}
    sentences |= {"0-3_01_weight_0": "the a | b", "0-3_02_weight_0.5": "<b>a</b>", "0-3_03_original_3": "it fell"}
    (folder_of(tmp_path, record, "interpolation") / "sentences.json").write_text(json.dumps(sentences))
    data, row = collected(tmp_path, [record])
    assert titles(data) == ["original 0", "test sequence 3"]
    [table] = row.parts[1].samples
    assert table.title == "between test sequences 0 and 3"
    assert table.content == [("0", "the a | b"), ("0.5", "<b>a</b>")]
    write_records(tmp_path, [record])
    main(["--out", str(tmp_path)])
    lines = re.findall(r"<tr>\n(<th scope=\"row\".*?)</tr>", (tmp_path / "report.html").read_text(), re.DOTALL)
    cells = [re.findall(r">([^<]*)</t[hd]>", line) for line in lines]
    assert [cell for cell in cells if cell[0] in ("0", "0.5")] == [["0", "the a | b"], ["0.5", "&lt;b&gt;a&lt;/b&gt;"]]


def test_digits_between_two_are_in_their_figure(tmp_path):
    record = made_up_record(data="seqmnist")
    for name in ("0-1_00_original_0.png", "0-1_01_weight_0.png", "0-1_02_original_1.png", "images.png"):
        write_picture(folder_of(tmp_path, record, "interpolation") / name)
    assert titles(*collected(tmp_path, [record])) == ["images"]
